; Shape: ISPConfig: pri.NAME
$TTL        3600
@       IN      SOA     ns1.example.com. hostmaster.example.com. (
                        2024010101 ; serial
                        3600       ; refresh (1 hour)
                        900        ; retry (15 minutes)
                        1209600    ; expire (2 weeks)
                        3600       ; minimum (1 hour)
                        )

example.com. 3600      NS        ns1.example.com.
example.com. 3600      NS        ns2.example.com.
example.com. 3600      MX        10 mail.example.com.
example.com. 3600      TXT        "v=spf1 mx -all"
ns1 3600      A        192.0.2.53
ns2 3600      A        192.0.2.54
mail 3600      A        192.0.2.25
www 300      CNAME        web.example.com.
web 300      A        192.0.2.80
web 300      A        192.0.2.81
web 300      AAAA        2001:db8::80
_sip._tcp 3600      SRV        1 2 5060 web.example.com.
*.apps 3600      A        192.0.2.90
