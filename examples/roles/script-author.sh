# The authors of a bash script and of a Node program: both must sign in silently, and the script must not hammer in an
# outage. The programs are my-client.sh and examples/node/sign-in.mjs.
# reads: README.md#commands README.md#point-your-own-program-at-it docs/scenarios.md#what-is-expected
ssosim up --detach
ssosim exec --expect silent --no-exposure -- sh ./my-client.sh
ssosim exec --device desk-2 --expect silent -- node ./sign-in.mjs
ssosim down
ssosim run feb-2025 --client native-prompt --exec 'sh ./my-client.sh' --expect record-empty=failed --max-rate 60/min
