"""The analysis that agrees with semantic-release's npm packages to the byte: what it releases, this releases.

Reference versions, which the differential tests install and compare with: semantic-release 24.2.9, commit-analyzer
13.0.1, conventional-commits-parser 6.4.0, conventional-commits-filter 5.0.0, conventional-changelog-angular 8.3.1,
conventional-changelog-conventionalcommits 9.3.1, micromatch 4.0.8 with picomatch 2.3.2, semver 7.8.6.
"""
