; Shape: what BIND 4 and 8 wrote for a secondary: $ORIGIN of the parent
$ORIGIN com.
$TTL 3600	; 1 hour
example		IN SOA	ns1.example.com. hostmaster.example.com. (
                        2024010101 ; serial
                        3600       ; refresh (1 hour)
                        900        ; retry (15 minutes)
                        1209600    ; expire (2 weeks)
                        3600       ; minimum (1 hour)
                        )
			NS	ns1.example.com.
			NS	ns2.example.com.
			MX	10 mail.example.com.
			TXT	"v=spf1 mx -all"
$ORIGIN example.com.
ns1			A	192.0.2.53
ns2			A	192.0.2.54
mail			A	192.0.2.25
$TTL 300	; x
www			CNAME	web.example.com.
web			A	192.0.2.80
			A	192.0.2.81
			AAAA	2001:db8::80
$TTL 3600	; 1 hour
$ORIGIN _tcp.example.com.
_sip			SRV	1 2 5060 web.example.com.
$ORIGIN apps.example.com.
*			A	192.0.2.90
