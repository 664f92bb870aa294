import java.util.Base64;
import okhttp3.Authenticator;
import okhttp3.OkHttpClient;
import okhttp3.Request;
import okhttp3.Response;
import org.ietf.jgss.GSSContext;
import org.ietf.jgss.GSSException;
import org.ietf.jgss.GSSManager;
import org.ietf.jgss.GSSName;
import org.ietf.jgss.Oid;

/** One GET at the autologon host with OkHttp, whose authenticator gets a ticket with Java's GSS-API. */
public final class SignIn {
    private static final String SPNEGO = "1.3.6.1.5.5.2";

    private SignIn() {}

    public static void main(String[] arguments) {
        boolean unlimited = arguments.length == 1 && arguments[0].equals("unlimited");
        try {
            send(unlimited);
        } catch (Exception error) {
            System.err.println(error);
            System.exit(1);
        }
        System.out.println("signed in as " + System.getenv("SSOSIM_USER"));
        System.exit(0); // OkHttp's idle connection would keep the process running for a while
    }

    private static void send(boolean unlimited) throws Exception {
        String domain = System.getenv("SSOSIM_USER").split("@")[1];
        Request request = new Request.Builder()
                .url("https://autologon.microsoftazuread-sso.com/" + domain + "/winauth/sso")
                .build();
        Authenticator authenticator = (route, response) -> authenticate(response, unlimited);
        OkHttpClient client = new OkHttpClient.Builder().authenticator(authenticator).build();
        try (Response response = client.newCall(request).execute()) {
            if (response.code() != 200) {
                throw new IllegalStateException(request.url() + " answered " + response.code());
            }
        }
    }

    /** The request with a ticket; null, as OkHttp's guide has it, if one was sent already. */
    private static Request authenticate(Response response, boolean unlimited) {
        boolean again = response.request().header("Authorization") != null;
        boolean offered = response.challenges().stream().anyMatch(it -> it.scheme().equalsIgnoreCase("Negotiate"));
        if (!offered || again && !unlimited) {
            return null;
        }
        try {
            String token = Base64.getEncoder().encodeToString(requestToken(response.request().url().host()));
            return response.request().newBuilder().header("Authorization", "Negotiate " + token).build();
        } catch (GSSException error) {
            System.err.println(error);
            return null;
        }
    }

    private static byte[] requestToken(String host) throws GSSException {
        GSSManager manager = GSSManager.getInstance();
        GSSName service = manager.createName("HTTP@" + host, GSSName.NT_HOSTBASED_SERVICE);
        GSSContext context = manager.createContext(service, new Oid(SPNEGO), null, GSSContext.DEFAULT_LIFETIME);
        context.requestMutualAuth(true);
        return context.initSecContext(new byte[0], 0, 0);
    }
}
