# The client's environment: copy it to client.sh, and change the seed. For compose.yaml, or in a shell: set -a; . ./client.sh
NANO402_NETWORK=nano:devnet
NANO402_RPC_URL=http://devnet:45000
NANO402_WS_URL=ws://devnet:47000
# 64 hex digits. Its account 0 pays. This one is known to everybody.
NANO402_SEED=3333333333333333333333333333333333333333333333333333333333333333
# The most that lies in deposits at any time, in XNO, and the most that a request may cost.
NANO402_DEPOSIT=1
NANO402_MAX=0.001
NANO402_WORK=node
# Who may hold the deposit in place of the vendor.
NANO402_ISSUER=http://issuer:8001
