# The reviewer of an incident: what happened to whom, and why?
# reads: README.md#commands
ssosim run feb-2025 --client office --client native-prompt --report review.html
ssosim explain --client office --phase cname
ssosim trace --name run-feb-2025 --client office --layer kerberos
