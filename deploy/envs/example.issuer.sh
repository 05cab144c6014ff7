# The issuer's environment: copy it to issuer.sh, and change the seed. For compose.yaml, or in a shell: set -a; . ./issuer.sh
NANO402_NETWORK=nano:devnet
# One or more Nano nodes, separated by commas.
NANO402_RPC_URL=http://devnet:45000
NANO402_WS_URL=ws://devnet:47000
# With its own Redis: appendfsync always, noeviction, no automatic fail-over.
NANO402_STORE=redis://redis-issuer:6380
# Where clients and vendors reach it.
NANO402_PUBLIC_URL=http://issuer:8001
# 64 hex digits. Its account 0 holds all deposits, and is used for nothing else. This one is known to everybody.
NANO402_SEED=1111111111111111111111111111111111111111111111111111111111111111
# node, cpu (minutes on nano:mainnet), or the URL of a work server.
NANO402_WORK=node
