"""A service that verifies the OAuth 1.0a signature of every request with oauthlib, for the tests: customers in pages of two.

PORT is where it listens; CONSUMER_SECRET and TOKEN_SECRET are what requests are signed with. It ends with its standard input.
"""

import json
import os
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

from oauthlib.oauth1 import RequestValidator, ResourceEndpoint

SEEN = set()


class Validator(RequestValidator):
    enforce_ssl = False
    # What a server may ask of these is its own affair; RFC 5849 asks nothing.
    safe_characters = set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_")
    nonce_length = (8, 64)
    client_key_length = (1, 64)
    access_token_length = (1, 64)
    dummy_client = "dummy-client"
    dummy_access_token = "dummy-token"

    def validate_client_key(self, client_key, request):
        return client_key == "the-consumer"

    def validate_access_token(self, client_key, token, request):
        return token == os.environ["TOKEN"]

    def get_client_secret(self, client_key, request):
        return os.environ["CONSUMER_SECRET"]

    def get_access_token_secret(self, client_key, token, request):
        return os.environ["TOKEN_SECRET"]

    def validate_timestamp_and_nonce(
        self, client_key, timestamp, nonce, request, request_token=None, access_token=None
    ):
        one = (client_key, timestamp, nonce, access_token)
        is_new = one not in SEEN
        SEEN.add(one)
        return is_new

    def validate_realms(self, client_key, token, request, uri=None, realms=None):
        return True


ENDPOINT = ResourceEndpoint(Validator())


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def do_GET(self):
        uri = f"http://127.0.0.1:{os.environ['PORT']}{self.path}"
        is_signed, _ = ENDPOINT.validate_protected_resource_request(uri, "GET", None, dict(self.headers), [])
        status = 200 if is_signed else 401
        query = parse_qs(urlsplit(self.path).query)
        page = int(query.get("searchCriteria[currentPage]", ["1"])[0])
        items = [{"id": number, "name": f"Zoé {number}"} for number in range(1, 6)][2 * page - 2 : 2 * page]
        # What is asked for with signs that are encoded twice in a signature comes back, to see that it arrived.
        body = {"items": items, "total_count": 5, "filter": query.get("filter", [""])[0]} if is_signed else {}
        answer = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)


server = ThreadingHTTPServer(("127.0.0.1", int(os.environ["PORT"])), Handler)
threading.Thread(target=server.serve_forever, daemon=True).start()
print("ready", flush=True)
sys.stdin.read()
