import org.apache.hc.client5.http.SystemDefaultDnsResolver;
import org.apache.hc.client5.http.auth.AuthSchemeFactory;
import org.apache.hc.client5.http.auth.KerberosConfig;
import org.apache.hc.client5.http.auth.StandardAuthScheme;
import org.apache.hc.client5.http.classic.methods.HttpGet;
import org.apache.hc.client5.http.config.RequestConfig;
import org.apache.hc.client5.http.impl.auth.SPNegoSchemeFactory;
import org.apache.hc.client5.http.impl.classic.CloseableHttpClient;
import org.apache.hc.client5.http.impl.classic.HttpClients;
import org.apache.hc.core5.http.HttpStatus;
import org.apache.hc.core5.http.config.RegistryBuilder;
import java.util.List;

/** One GET at the autologon host with Apache HttpClient 5, which responds to Negotiate. */
public final class SignIn {
    private SignIn() {}

    public static void main(String[] arguments) {
        String name = arguments.length == 1 ? arguments[0] : "";
        try {
            send(switch (name) {
                case "canonical" -> KerberosConfig.DEFAULT;
                case "as-typed" -> KerberosConfig.custom().setUseCanonicalHostname(false).build();
                default -> throw new IllegalArgumentException("use canonical or as-typed (not '" + name + "')");
            });
        } catch (Exception error) {
            System.err.println(error);
            System.exit(1);
        }
        System.out.println("signed in as " + System.getenv("SSOSIM_USER"));
    }

    private static void send(KerberosConfig config) throws Exception {
        String domain = System.getenv("SSOSIM_USER").split("@")[1];
        HttpGet request = new HttpGet("https://autologon.microsoftazuread-sso.com/" + domain + "/winauth/sso");
        // HttpClient negotiates only if the scheme is registered and preferred.
        request.setConfig(RequestConfig.custom()
                .setTargetPreferredAuthSchemes(List.of(StandardAuthScheme.SPNEGO))
                .build());
        try (CloseableHttpClient client = HttpClients.custom()
                .setDefaultAuthSchemeRegistry(RegistryBuilder.<AuthSchemeFactory>create()
                        .register(StandardAuthScheme.SPNEGO,
                                new SPNegoSchemeFactory(config, SystemDefaultDnsResolver.INSTANCE))
                        .build())
                .build()) {
            int status = client.execute(request, response -> response.getCode());
            if (status != HttpStatus.SC_OK) {
                throw new IllegalStateException(request.getUri() + " answered " + status);
            }
        }
    }
}
