"""A real S3 server of another make (moto), that checks signatures, and buckets on it.

Use it by `from support.s3server import s3_server` in the test module; each test takes a bucket of its own. What a test
does beside the product goes through botocore as it is, not through the product's adapter.
"""

import os
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from botocore.session import Session

from releasd.adapters.s3 import S3Index
from releasd.adapters.s3bucket import Place
from releasd.ports import Secret
from support.servers import serving
from support.stage import Stage

REGION = "us-east-1"


@dataclass(frozen=True, kw_only=True)
class S3Server:
    """Where it is, and the key that may do everything there."""

    url: str
    key: Secret

    def client(self) -> Any:
        """Return botocore's own client, as another program of this store's users would have."""
        return client(self.url, "s3", *self.key.reveal().split(":"))

    def place(self, bucket: str, **changes: Any) -> Place:
        """Return a place in this server."""
        return Place(**{"what": "the S3 store test", "url": self.url, "bucket": bucket, "region": REGION, **changes})

    def index(self, bucket: str, *, key: Secret | None = None, prefix: str = "simple") -> S3Index:
        """Make the bucket, where it is not there, and return the destination in it."""
        self.client().create_bucket(Bucket=bucket)
        return S3Index(name="test", place=self.place(bucket), prefix=prefix, secret=lambda: key or self.key)


def add_bucket(stage: Stage, server: S3Server, bucket: str) -> None:
    """Make the bucket, and have the stage know it as the index `bucket`."""
    key = stage.folder / "bucket-key"
    key.touch(mode=0o600)
    key.write_text(server.key.reveal())
    server.index(bucket)
    stage.config["secrets"]["bucket-key"] = f"file:{key}"
    stage.config["indexes"]["bucket"] = {
        "kind": "s3", "url": server.url, "bucket": bucket, "prefix": "python", "secret": "bucket-key",
    }  # fmt: skip


def client(url: str, service: str, key: str, secret: str) -> Any:
    """Return botocore's client of a service."""
    return Session().create_client(
        service, region_name=REGION, endpoint_url=url, aws_access_key_id=key, aws_secret_access_key=secret
    )


@pytest.fixture(scope="session")
def s3_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    """Run one for all tests of this process. After the first user is made, every request needs a right signature."""
    # so many requests go without a check: those that make the user
    env = {**os.environ, "INITIAL_NO_AUTH_ACTION_COUNT": str(len(_MAKE_USER)), "MOTO_S3_DEFAULT_MAX_KEYS": "5"}
    log = tmp_path_factory.mktemp("s3") / "moto.log"
    with serving(
        lambda port: (sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)),
        log=log, ready="/moto-api/data.json", env=env,
    ) as url:  # fmt: skip
        iam = client(url, "iam", "first", "first")
        made = [make(iam) for make in _MAKE_USER][-1]["AccessKey"]
        yield S3Server(url=url, key=Secret(f"{made['AccessKeyId']}:{made['SecretAccessKey']}"))


_POLICY = '{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:*", "Resource": "*"}]}'
_MAKE_USER: tuple[Callable[[Any], Any], ...] = (
    lambda iam: iam.create_user(UserName="releasd"),
    lambda iam: iam.put_user_policy(UserName="releasd", PolicyName="all", PolicyDocument=_POLICY),
    lambda iam: iam.create_access_key(UserName="releasd"),
)
