"""What builds, checks and their tools write (publishing-facts.md §3, and the workflow's Linux build)."""

from releasd.core.troubleshooting.entry import Known


def _known(name: str, pattern: str, shown: str, cause: str, fix: str, *examples: str) -> Known:
    return Known(name=name, scope="output", shown=shown, pattern=pattern, cause=cause, fix=fix, examples=examples)


OUTPUTS = (
    _known(
        "release-and-profile",
        r"argument '--release' cannot be used with|--release.{0,40}--profile",
        "`the argument '--release' cannot be used with '--profile'`",
        "maturin takes one of the two",
        "drop `--release` from the build's `run` where it names a profile",
        "error: the argument '--release' cannot be used with '--profile <PROFILE-NAME>'",
    ),
    _known(
        "cgroups",
        r"cgroups in hybrid mode not supported|cgroup.{0,60}(?:not supported|operation not permitted)",
        "`cgroups in hybrid mode not supported`",
        "the host's container runtime (crun) does not work with its cgroups",
        "install `runc` there and name it as `runtime` in `containers.conf`",
        "Error: OCI runtime error: crun: cgroups in hybrid mode not supported",
    ),
    _known(
        "new-version-hidden",
        r"there is no version of \S+==|no matching distribution found|could not find a version that satisfies",
        "`there is no version of demo==1.3.0`",
        "the index, or a cache of its pages, does not show the version yet",
        "nothing: it is looked at again, past every cache; by hand `uv pip install --refresh-package NAME`",
        "Because there is no version of demo==1.3.0 and you require demo==1.3.0",
        "ERROR: No matching distribution found for demo==1.3.0",
    ),
    _known(
        "too-new-glibc",
        r"not manylinux_\S+ compliant|auditwheel finds manylinux|too-recent versioned symbols",
        "`not manylinux_2_17 compliant`, `its name promises manylinux_2_17, auditwheel finds manylinux_2_34_x86_64`",
        "the wheel was built on a newer system than its tag says",
        "build in a manylinux image or with `maturin --zig --compatibility manylinux2014`, or let maturin or "
        "`auditwheel repair` choose the tag",
        "the wheel is not manylinux_2_17 compliant because it links GLIBC_2.34",
        "its name promises manylinux_2_17, auditwheel finds manylinux_2_34_x86_64: it wants libc.so.6 GLIBC_2.34",
        "cannot repair to ABI, because of the presence of too-recent versioned symbols",
    ),
    _known(
        "glibc-at-run-time",
        r"version [`']GLIBC_[\d.]+' not found",
        "``version `GLIBC_2.34' not found``",
        "a program or extension was built for a newer system than the one that it runs on",
        "build it on the oldest system that it is for (a manylinux image), or with `--zig`",
        "/lib64/libc.so.6: version `GLIBC_2.34' not found (required by _core.abi3.so)",
    ),
    _known(
        "rust-target-missing",
        r"can't find crate for [`']std[`']|target may not be installed",
        "``can't find crate for `std` ``, `target may not be installed`",
        "the host's Rust cannot compile for that target",
        "`rustup target add TARGET` on the host, or build on its own kind",
        "error[E0463]: can't find crate for `std`",
        "= note: the `aarch64-unknown-linux-gnu` target may not be installed",
    ),
    _known(
        "cargo-missing",
        r"(?:cargo|rustc|maturin|uv|auditwheel|cibuildwheel|docker|podman|zig): (?:command )?not found|"
        r"no such file or directory \(os error 2\).*cargo|cargo.*no such file or directory \(os error 2\)|"
        r"cargo metadata.{0,60}failed|rust toolchain is not installed|: lacks (?:cargo|cibuildwheel|docker|maturin|uv)",
        "`cargo: not found`, `lacks cibuildwheel or auditwheel`",
        "the host, or the image, lacks a program that the build needs, or it is not on the PATH of an SSH session",
        "install it there, or set the host's `path`; `releasd hosts probe` shows what is missing; then `releasd "
        "retry JOB`",
        "sh: 3: cargo: not found",
        "bash: line 1: maturin: command not found",
        "Failed to run cargo metadata: No such file or directory (os error 2)",
        "no host can do the build wheel-linux-x86_64: big: lacks cibuildwheel or auditwheel",
    ),
    _known(
        "no-bindings",
        r"couldn't find any bindings|cffi.{0,40}(?:no module named|not installed|failed)|No module named 'cffi'",
        "`Couldn't find any bindings`, `No module named 'cffi'`",
        "maturin did not see PyO3 in the crate and guessed; a wheel of 22 bytes may be left, which releasd never takes",
        "add pyo3 with `abi3-py39` to the crate's dependencies, or set `bindings` under [tool.maturin]",
        "ModuleNotFoundError: No module named 'cffi'",
    ),
    _known(
        "crates-unreachable",
        r"failed to (?:download|fetch|get) .{0,80}(?:registry|index|crate)|spurious network error|"
        r"attempting to make an HTTP request, but --offline",
        "`failed to download from the registry`, `spurious network error`",
        "cargo could not fetch a crate: no network in the container, or the registry is down",
        'give the container `network = "default"`, or vendor the crates (`cargo vendor`); then `releasd retry JOB`',
        "error: failed to download from `crates registry`",
        "warning: spurious network error (2 tries remaining)",
        "attempting to make an HTTP request, but --offline was specified",
    ),
    _known(
        "docker-denied",
        r"permission denied.{0,80}docker|docker.{0,80}permission denied|docker cannot be used",
        "`permission denied … docker.sock`, `containers cannot be run: docker cannot be used (…), and podman is not "
        "installed`",
        "the host has no engine that its user may use",
        "install podman, or add the user to the group `docker` (docs/service.md), then `releasd retry JOB`",
        "permission denied while trying to connect to the Docker daemon socket at unix:///var/run/docker.sock",
        "containers cannot be run: docker cannot be used (permission denied), and podman is not installed",
    ),
    _known(
        "docker-down",
        r"cannot connect to the docker daemon|is the docker daemon running",
        "`Cannot connect to the Docker daemon`",
        "docker is installed on the host and does not run",
        "`ssh HOST docker ps` shows it; start it there (`systemctl start docker`), then `releasd retry JOB`",
        "Cannot connect to the Docker daemon at unix:///var/run/docker.sock. Is the docker daemon running?",
    ),
    _known(
        "image-missing",
        r"lacks the image|the image \S+ lacks|no such image|unable to find image|image not known|manifest unknown",
        "`lacks the image …`, `the image … lacks maturin`",
        "the image is not on the host and may not be pulled, or was built without that tool",
        "build or pull it there (where a tool is missing, the message has a command that makes an image with it), or "
        "name another in `container`",
        "big lacks the image manylinux-rust",
        "the image manylinux:1 lacks maturin; name another, or make one that has it: printf 'FROM manylinux:1",
        "Error: manylinux-rust: image not known",
    ),
    _known(
        "out-of-memory",
        r"used more memory than its container|out of memory|signal: 9, SIGKILL|cannot allocate memory",
        "`it used more memory than its container may have`, `signal: 9, SIGKILL`",
        "the kernel killed a process of the build for want of memory",
        "raise `memory` of the container, or use fewer jobs (`CARGO_BUILD_JOBS=1` in the build's `env`)",
        "it used more memory than its container may have",
        "rustc (signal: 9, SIGKILL: kill)",
    ),
    _known(
        "read-only",
        r"read-only file system",
        "`Read-only file system`, in a container",
        "the image and the sources are read-only for a build",
        "write below the current folder, `$HOME` or `/tmp`",
        "error: could not create /usr/lib/x: Read-only file system (os error 30)",
    ),
    _known(
        "disk-full",
        r"no space left|disk is full|disk quota exceeded|has only \d+ MB of disk free",
        "`no space left …`",
        "the disk named is full",
        "free some (`df -h`, `docker system prune` on a build host); the job is tried again by itself",
        "error: No space left on device (os error 28)",
        "no space left for the job log /x/1/build-a.log",
    ),
    _known(
        "setrlimit",
        r"setrlimit.{0,60}operation not permitted|error setting rlimit",
        "`error setting rlimit … operation not permitted`",
        "the container's engine may not raise its limits: it runs without CAP_SYS_RESOURCE",
        "set the limits that it may have in `containers.conf` (`default_ulimits`), or run it as a user with more "
        "rights",
        "error setting rlimit type 7: operation not permitted",
    ),
    _known(
        "smoke",
        r"does not (?:install|import) on|the smoke command fails|is not a supported wheel on this platform",
        "`… does not install on HOST`, `… does not import on HOST`, `the smoke command fails with …`",
        "the wheel is not what its users need",
        "`releasd log JOB --step check` has the output",
        "demo-1.0-py3-none-any.whl does not install on big",
        "demo does not import on big",
        "the smoke command fails with 1",
    ),
)
