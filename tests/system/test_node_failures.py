"""A collector of the node that fails: the exposition says 0 as node_exporter's, the log says why, once."""
import signal
import subprocess
import urllib.request

from metrics_harness import until
from ports import free_port


def test_why_a_collector_failed(tarsier, tmp_path):
    (tmp_path / 'loadavg').write_text('nonsense\n')
    port = free_port()
    process = subprocess.Popen([tarsier.path, 'metrics', '--node', '--listen_ip', '127.0.0.1', '--port', str(port), '--json',
                                f'--path.procfs={tmp_path}', '--collector.disable-defaults', '--collector.loadavg',
                                '--web.disable-exporter-metrics'],
                               stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def scrape():
        try:
            return urllib.request.urlopen(f'http://127.0.0.1:{port}/metrics', timeout=60).read().decode()
        except OSError:
            assert process.poll() is None
            return None
    try:
        text = until(scrape, 'the port')
        assert 'node_scrape_collector_success{collector="loadavg"} 0' in text
        assert 'nonsense' not in text
        scrape()
        scrape()
    finally:
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=60)
    assert err.count('collector loadavg: ') == 1, err
