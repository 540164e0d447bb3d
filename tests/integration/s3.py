"""A client of S3 for tests: just enough to fill a bucket, signed by a second implementation."""

import hashlib
import hmac
import http.client
import re
import time
import urllib.parse

from .harness import START_SECONDS, wait_until

REGION = "us-east-1"


def quote(text, safe="-._~"):
    """Percent-encoding as the signature wants it."""
    return urllib.parse.quote(text, safe=safe)


def _hmac(key, text):
    return hmac.new(key, text.encode(), hashlib.sha256).digest()


class S3Error(Exception):
    """An answer that is an error."""


class S3Client:
    """Requests to one bucket over one kept connection; path style. One thread."""

    def __init__(self, address, bucket, access_key, secret_key):
        self.address = address
        self.bucket = bucket
        self._keys = (access_key, secret_key)
        self._connection = http.client.HTTPConnection(address, timeout=60)

    def request(self, method, key="", query=(), body=b"", headers=None):
        """Answer and body of a signed request."""
        path = quote(f"/{self.bucket}" + (f"/{key}" if key else ""), safe="/-._~")
        line = "&".join(f"{quote(k)}={quote(v)}" for k, v in sorted(query))
        signed = self._sign(method, path, line, body, headers or {})
        target = path + ("?" + line if line else "")
        self._connection.request(method, target, body=body, headers=signed)
        answer = self._connection.getresponse()
        text = answer.read()
        if answer.status >= 300:
            raise S3Error(f"{method} {target}: {answer.status} {text[:300]!r}")
        return answer, text

    def _sign(self, method, path, query, body, headers):
        access_key, secret_key = self._keys
        now = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
        digest = hashlib.sha256(body).hexdigest()
        headers = {**{k.lower(): v for k, v in headers.items()}, "host": self.address,
                   "x-amz-date": now, "x-amz-content-sha256": digest}
        names = ";".join(sorted(headers))
        lines = "".join(f"{k}:{headers[k]}\n" for k in sorted(headers))
        canonical = "\n".join([method, path, query, lines, names, digest])
        scope = f"{now[:8]}/{REGION}/s3/aws4_request"
        text = "\n".join(["AWS4-HMAC-SHA256", now, scope,
                          hashlib.sha256(canonical.encode()).hexdigest()])
        key = ("AWS4" + secret_key).encode()
        for part in scope.split("/"):
            key = _hmac(key, part)
        headers["authorization"] = (
            f"AWS4-HMAC-SHA256 Credential={access_key}/{scope}, SignedHeaders={names}, "
            f"Signature={hmac.new(key, text.encode(), hashlib.sha256).hexdigest()}")
        return headers

    def create_bucket(self):
        """Makes the bucket; a store whose inner servers are just starting answers 503."""
        def made():
            try:
                self.request("PUT")
            except S3Error as error:
                if ": 503 " in str(error):
                    return False
                raise
            return True

        wait_until(made, START_SECONDS, "the store makes no bucket")

    def put(self, key, body, headers=None):
        """One object by one request."""
        self.request("PUT", key, body=body,
                     headers={"Content-Type": "application/octet-stream", **(headers or {})})

    def put_parts(self, key, parts):
        """One object in parts, each but the last of 5 MiB at least; returns its ETag."""
        _, text = self.request("POST", key, [("uploads", "")])
        upload = re.search(r"<UploadId>(.*?)</UploadId>", text.decode()).group(1)
        etags = []
        for number, part in enumerate(parts, 1):
            answer, _ = self.request("PUT", key, [("partNumber", str(number)),
                                                  ("uploadId", upload)], part)
            etags.append(answer.headers["ETag"].strip('"'))
        listed = "".join(f"<Part><PartNumber>{n}</PartNumber><ETag>{e}</ETag></Part>"
                         for n, e in enumerate(etags, 1))
        body = f"<CompleteMultipartUpload>{listed}</CompleteMultipartUpload>".encode()
        self.request("POST", key, [("uploadId", upload)], body)
        answer, _ = self.request("HEAD", key)  # not every store's answer to POST has it
        return answer.headers["ETag"].strip('"')

    def put_tree(self, prefix, directory):
        """Every file below a directory."""
        for path in sorted(directory.rglob("*")):
            if path.is_file():
                self.put(f"{prefix}/{path.relative_to(directory)}", path.read_bytes())

    def close(self):
        """Ends the connection."""
        self._connection.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
