; Shape: file plugin of CoreDNS
$ORIGIN example.com.
@	3600 IN	SOA ns1.example.com. hostmaster.example.com. (
                        2024010101 ; serial
                        3600       ; refresh (1 hour)
                        900        ; retry (15 minutes)
                        1209600    ; expire (2 weeks)
                        3600       ; minimum (1 hour)
                        )

example.com.	3600	IN	NS	ns1.example.com.
example.com.	3600	IN	NS	ns2.example.com.
example.com.	3600	IN	MX	10 mail.example.com.
example.com.	3600	IN	TXT	"v=spf1 mx -all"
ns1.example.com.	3600	IN	A	192.0.2.53
ns2.example.com.	3600	IN	A	192.0.2.54
mail.example.com.	3600	IN	A	192.0.2.25
www.example.com.	300	IN	CNAME	web.example.com.
web.example.com.	300	IN	A	192.0.2.80
web.example.com.	300	IN	A	192.0.2.81
web.example.com.	300	IN	AAAA	2001:db8::80
_sip._tcp.example.com.	3600	IN	SRV	1 2 5060 web.example.com.
*.apps.example.com.	3600	IN	A	192.0.2.90
