; Shape: $INCLUDE of absolute paths of the server, as in a copy of /etc/bind
$TTL 3600
$INCLUDE /etc/bind/common/soa
$INCLUDE "/etc/bind/common/rest"
