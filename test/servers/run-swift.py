"""Runs OpenStack Swift with its S3 interface in one process, as its own functional tests do.

Usage: python3 run-swift.py FOLDER PORT USER KEY
"""

import os
import sys

import eventlet
from eventlet import wsgi
from eventlet.green import socket

eventlet.monkey_patch()

from swift.common import utils
from swift.common import wsgi as swift_wsgi
from swift.common.ring import RingBuilder

folder, port, user, key = sys.argv[1:]
account, name = user.split(':')

os.makedirs(f'{folder}/devices/disk', exist_ok=True)
with open(f'{folder}/swift.conf', 'w') as conf:
    conf.write('[swift-hash]\nswift_hash_path_suffix = tests\n')
utils.set_swift_dir(folder)


def listen(on):
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(('127.0.0.1', on))
    listener.listen(128)
    return listener


def serve(kind, listener, pipeline, sections):
    """Starts one of Swift's servers from the configuration file that it would be started with."""
    file = f'{folder}/{kind}.conf'
    with open(file, 'w') as conf:
        conf.write(f'[DEFAULT]\nswift_dir = {folder}\ndevices = {folder}/devices\n')
        conf.write('mount_check = false\nfallocate_reserve = 0\n')
        conf.write(f'[pipeline:main]\npipeline = {pipeline}\n')
        for section, lines in sections.items():
            conf.write(f'[{section}]\n' + '\n'.join(lines) + '\n')
    app = swift_wsgi.loadapp(file, global_conf={'log_name': kind})
    # Swift's own protocol class and the last option are what S3 clients need: headers as they were spelt.
    return eventlet.spawn(
        wsgi.server, listener, app, protocol=swift_wsgi.SwiftHttpProtocol, capitalize_response_headers=False
    )


for kind in ('account', 'container', 'object'):
    listener = listen(0)
    here = listener.getsockname()[1]
    ring = RingBuilder(1, 1, 0)
    ring.add_dev(
        {
            **{'id': 0, 'region': 1, 'zone': 1, 'weight': 1, 'device': 'disk', 'meta': ''},
            **{'ip': '127.0.0.1', 'port': here, 'replication_ip': '127.0.0.1', 'replication_port': here},
        }
    )
    ring.rebalance()
    ring.get_ring().save(f'{folder}/{kind}.ring.gz')
    serve(kind, listener, f'{kind}-server', {f'app:{kind}-server': [f'use = egg:swift#{kind}']})

# tempauth wants a cache in its pipeline; the one named here does not answer, and is not missed.
middlewares = ['catch_errors', 'cache', 'listing_formats', 's3api', 'tempauth', 'copy', 'slo', 'dlo']
settings = {
    'cache': ['use = egg:swift#memcache', 'memcache_servers = 127.0.0.1:9'],
    's3api': ['use = egg:swift#s3api', 'location = us-east-1'],
    'tempauth': ['use = egg:swift#tempauth', f'user_{account}_{name} = {key} .admin'],
}
proxy = serve(
    'proxy',
    listen(int(port)),
    ' '.join([*middlewares, 'proxy-server']),
    {
        'app:proxy-server': ['use = egg:swift#proxy', 'account_autocreate = true'],
        **{f'filter:{each}': settings.get(each, [f'use = egg:swift#{each}']) for each in middlewares},
    },
)
proxy.wait()
