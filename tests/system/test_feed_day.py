"""What pages ask of an agent all day, in a minute: thousands of pictures over HTTP by followers that come and go, while tens of
thousands of programs run and are told of. After the first tenth nothing grows any more."""
import contextlib
import hashlib
import http.client
import json
import os
import re
import subprocess
import threading

import pytest
from agent_harness import Agent, wait_for

FOLLOWERS = 16
PICTURES = int(os.environ.get('TARSIER_TEST_PICTURES', '1600'))  # of all followers together
EACH = 10           # pictures after which a follower goes and comes again
EXECUTIONS = 50_000  # two events each: that it began, that it ended
GROWTH = 1.2        # of what a service had after the first tenth,
SLACK = 2 << 20     # and bytes besides: metrics keeps some minutes of each group, of which the first tenth has seen few

SPAWNER = r'''
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
int main(int argc, char **argv)
{
        if (argc != 2)
                return 1;
        if (strcmp(argv[1], "end") == 0)
                return 0;
        for (long left = atol(argv[1]); left > 0; left--) {
                pid_t child = vfork();
                if (child == 0) {
                        execl("/proc/self/exe", "day", "end", (char *)0);
                        _exit(1);
                }
                if (child < 0 || waitpid(child, 0, 0) != child)
                        return 1;
        }
        return 0;
}
'''


class Page(threading.Thread):
    """Follows the feed, as a page does, some pictures at a time."""

    def __init__(self, address, pictures):
        super().__init__(daemon=True)
        self.address, self.left, self.error = address, pictures, None

    def run(self):
        try:
            while self.left > 0:
                self.follow(min(EACH, self.left))
        except Exception as error:  # told by the test
            self.error = error

    def follow(self, pictures):
        with contextlib.closing(http.client.HTTPConnection(*self.address, timeout=120)) as connection:
            connection.request('GET', '/v1/modules/metrics/feed?interval=500ms&parts=host,containers,processes,network,disks',
                               headers={'Authorization': 'Bearer a viewer of the tests', 'Accept': 'text/event-stream'})
            answer = connection.getresponse()
            assert answer.status == 200, answer.read()
            while pictures > 0:
                line = answer.readline()
                assert line, 'the feed ended'
                if line == b'event: tick\n':
                    pictures -= 1
                    self.left -= 1


def test_a_day_of_pictures_and_events_leaves_nothing_in_the_agent(tmp_path):
    if os.geteuid() != 0:
        pytest.skip('needs root, for the events of watch')
    source, program = tmp_path / 'day.c', tmp_path / 'day'
    source.write_text(SPAWNER)
    subprocess.run(['cc', '-O1', '-o', program, source], check=True)
    digest = hashlib.sha256(b'a viewer of the tests').hexdigest()
    configuration = {'tokens': [{'name': 'page', 'role': 'viewer', 'sha256': digest}],
                     'modules': {'api': {}, 'metrics': {}, 'alerts': {}, 'watch': {}}}
    with Agent(tmp_path / 'state', configuration) as agent:
        host, port = re.search(r'http://(127\.0\.0\.1):(\d+)', agent.log()).groups()

        def ask(path):
            with contextlib.closing(http.client.HTTPConnection(host, int(port), timeout=60)) as connection:
                connection.request('GET', path, headers={'Authorization': 'Bearer a viewer of the tests'})
                answer = connection.getresponse()
                text = answer.read()
                assert answer.status == 200, text
                return json.loads(text)

        if next(s for s in ask('/v1/status')['services'] if s['name'] == 'watch')['state'] != 'ready':
            pytest.skip('needs a source of events that this kernel has')

        def events():
            return ask('/v1/modules/watch/status')['watch']['execs']

        def part(share):
            pages = [Page((host, int(port)), int(PICTURES * share) // FOLLOWERS) for _ in range(FOLLOWERS)]
            for page in pages:
                page.start()
            before = events()
            subprocess.run([program, str(int(EXECUTIONS * share))], check=True)
            for page in pages:
                page.join(300)
                assert not page.error and page.left == 0, page.error
            wait_for(lambda: events() - before >= EXECUTIONS * share * 0.9, 'the events')  # what is lost is told as lost
            wait_for(lambda: ask('/v1/modules/metrics/status').get('feed_followers', 0) == 0, 'the end of the followers')
            status = ask('/v1/status')
            return {'agent': status['memory'], **{s['name']: s['memory'] for s in status['services'] if s.get('memory')}}

        tenth = part(0.1)
        whole = part(0.9)
        execs = events()
    figures = ', '.join(f'{name} {tenth[name] / 1e6:.2f} -> {whole[name] / 1e6:.2f} MB' for name in tenth)
    print(f'{PICTURES} pictures, {execs} executions: {figures}')
    for name, before in tenth.items():
        assert whole[name] <= before * GROWTH + SLACK, f'{name} grows: {figures}'
