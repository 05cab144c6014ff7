# The vendor's environment: copy it to vendor.sh, and change the seed. For compose.yaml, or in a shell: set -a; . ./vendor.sh
NANO402_NETWORK=nano:devnet
NANO402_RPC_URL=http://devnet:45000
NANO402_WS_URL=ws://devnet:47000
# With its own Redis: appendfsync always, noeviction, no automatic fail-over.
NANO402_STORE=redis://redis-vendor:6379
# Where clients reach it.
NANO402_PUBLIC_URL=http://vendor:8000
# What a request costs, in XNO.
NANO402_PRICE=0.00001
# 64 hex digits. Its account 0 takes deposits and sends refunds, and is used for nothing else. This one is known to everybody.
NANO402_SEED=2222222222222222222222222222222222222222222222222222222222222222
NANO402_WORK=node
# Who holds the deposits, as <url>#<key>; without the key it is asked for it, and believed. Left out: the vendor itself.
NANO402_ISSUER=http://issuer:8001
