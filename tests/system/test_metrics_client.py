"""metrics client: what it makes of a server's answers."""
import http.server
import json
import threading

import pytest


def deletion(name, data):
    return {'container_name': name, 'timestamp': '2026-01-01T00:00:00Z', 'event_type': 'containerDeletion', 'event_data': data}


EVENTS = [deletion('/well', {'container_deletion': {'exit_code': 0}}),
          deletion('/badly', {'container_deletion': {'exit_code': 137}}),
          deletion('/unknown', {'container_deletion': {'exit_code': -1}}),
          deletion('/old', {}),  # of a cAdvisor before it told statuses
          {'container_name': '/well', 'timestamp': '2026-01-01T00:00:00Z', 'event_type': 'containerCreation', 'event_data': {}}]


@pytest.fixture
def server():
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            body = json.dumps(EVENTS).encode()
            self.send_response(200)
            self.send_header('Content-Length', str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    with http.server.ThreadingHTTPServer(('127.0.0.1', 0), Handler) as running:
        thread = threading.Thread(target=running.serve_forever)
        thread.start()
        yield f'http://127.0.0.1:{running.server_address[1]}'
        running.shutdown()
        thread.join()


def test_the_status_of_an_end(tarsier, server):
    """0 is a status; what is not known is absent."""
    done = tarsier('metrics', 'client', 'events', '--url', server, '--json', '--results-only')
    assert done.returncode == 0, done.stderr
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    assert [(row['name'], row.get('exit_code')) for row in rows] == [
        ('/well', 0), ('/badly', 137), ('/unknown', None), ('/old', None), ('/well', None)]
