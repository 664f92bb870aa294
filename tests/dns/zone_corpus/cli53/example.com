; Shape: cli53 export: no suffix
$ORIGIN example.com.
@	3600	IN	SOA	ns1.example.com. hostmaster.example.com. 2024010101 3600 900 1209600 3600
@	3600	IN	NS	ns1.example.com.
@	3600	IN	NS	ns2.example.com.
@	3600	IN	MX	10 mail.example.com.
@	3600	IN	TXT	"v=spf1 mx -all"
ns1	3600	IN	A	192.0.2.53
ns2	3600	IN	A	192.0.2.54
mail	3600	IN	A	192.0.2.25
www	300	IN	CNAME	web.example.com.
web	300	IN	A	192.0.2.80
web	300	IN	A	192.0.2.81
web	300	IN	AAAA	2001:db8::80
_sip._tcp	3600	IN	SRV	1 2 5060 web.example.com.
*.apps	3600	IN	A	192.0.2.90
