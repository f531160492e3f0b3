"""Sends one signed request to a server of Azure Blob Storage and prints its answer: status, headers, a blank line, the body.

Arguments: port, account, key, method, path with query (encoded) below the account, then headers as `name: value`.
With the method SAS it prints a signature for a container instead; the path is the container, and the one header its
permissions. The body is read from standard input. Sources: Azure Storage, "Authorize with Shared Key", "Create a service SAS".
"""
import base64, datetime, hashlib, hmac, http.client, sys
from urllib.parse import quote, unquote

port, account, key, method, target = sys.argv[1:6]
body = sys.stdin.buffer.read()


def sign(text):
    return base64.b64encode(hmac.new(base64.b64decode(key), text.encode(), hashlib.sha256).digest()).decode()


now = datetime.datetime.now(datetime.timezone.utc)
if method == "SAS":
    end = (now + datetime.timedelta(hours=1)).strftime("%Y-%m-%dT%H:%M:%SZ")
    version, allowed = "2020-10-02", sys.argv[6]
    fields = [allowed, "", end, f"/blob/{account}/{target}", "", "", "", version, "c", "", "", "", "", "", ""]
    print(f"sv={version}&sr=c&sp={allowed}&se={quote(end)}&sig={quote(sign(chr(10).join(fields)), safe='')}")
    sys.exit()
path, _, query = target.partition("?")
path = f"/{account}/{path}"
headers = {"x-ms-version": "2021-12-02", "x-ms-date": now.strftime("%a, %d %b %Y %H:%M:%S GMT")}
for line in sys.argv[6:]:
    name, _, value = line.partition(":")
    headers[name.strip().lower()] = value.strip()
plain = ["content-encoding", "content-language", None, "content-md5", "content-type", "date", "if-modified-since"]
plain += ["if-match", "if-none-match", "if-unmodified-since", "range"]
lines = [method] + [(str(len(body)) if body else "") if name is None else headers.get(name, "") for name in plain]
lines += [f"{name}:{headers[name]}" for name in sorted(headers) if name.startswith("x-ms-")]
lines.append(f"/{account}{path}")
pairs = sorted(pair.partition("=")[::2] for pair in query.split("&") if pair)
lines += [f"{name}:{unquote(value)}" for name, value in pairs]
headers["authorization"] = f"SharedKey {account}:{sign(chr(10).join(lines))}"
connection = http.client.HTTPConnection("127.0.0.1", int(port), timeout=60)
connection.request(method, f"{path}?{query}" if query else path, body=body, headers=headers)
answer = connection.getresponse()
sys.stdout.write(f"{answer.status}\n")
for name, value in answer.getheaders():
    sys.stdout.write(f"{name.lower()}: {value}\n")
sys.stdout.write("\n")
sys.stdout.flush()
sys.stdout.buffer.write(answer.read())
