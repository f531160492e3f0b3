"""Sends one signed request to a server of S3 and prints its answer: status, headers, a blank line, the body.

Arguments: port, access key, secret key, method, path with query (encoded), then headers as `name: value`.
The body is read from standard input. Source of the signature: AWS, "Create a signed AWS API request".
"""
import datetime, hashlib, hmac, http.client, sys
from urllib.parse import quote, unquote

port, access_key, secret_key, method, target = sys.argv[1:6]
body = sys.stdin.buffer.read()
path, _, query = target.partition("?")
pairs = [pair.partition("=") for pair in query.split("&") if pair]
query = "&".join(sorted(f"{name}={quote(unquote(value), safe='-._~')}" for name, _, value in pairs))
now = datetime.datetime.now(datetime.timezone.utc)
date = now.strftime("%Y%m%dT%H%M%SZ")
digest = hashlib.sha256(body).hexdigest()
headers = {"host": f"127.0.0.1:{port}", "x-amz-date": date, "x-amz-content-sha256": digest}
for line in sys.argv[6:]:
    name, _, value = line.partition(":")
    headers[name.strip().lower()] = value.strip()
names = ";".join(sorted(headers))
lines = "".join(f"{name}:{headers[name]}\n" for name in sorted(headers))
canonical = f"{method}\n{path}\n{query}\n{lines}\n{names}\n{digest}"
scope = f"{date[:8]}/us-east-1/s3/aws4_request"
text = f"AWS4-HMAC-SHA256\n{date}\n{scope}\n{hashlib.sha256(canonical.encode()).hexdigest()}"
key = ("AWS4" + secret_key).encode()
for word in [date[:8], "us-east-1", "s3", "aws4_request", text]:
    key = hmac.new(key, word.encode(), hashlib.sha256).digest()
headers["authorization"] = (
    f"AWS4-HMAC-SHA256 Credential={access_key}/{scope},SignedHeaders={names},Signature={key.hex()}"
)
connection = http.client.HTTPConnection("127.0.0.1", int(port), timeout=60)
connection.request(method, f"{path}?{query}" if query else path, body=body, headers=headers)
answer = connection.getresponse()
sys.stdout.write(f"{answer.status}\n")
for name, value in answer.getheaders():
    sys.stdout.write(f"{name.lower()}: {value}\n")
sys.stdout.write("\n")
sys.stdout.flush()
sys.stdout.buffer.write(answer.read())
