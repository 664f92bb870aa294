import com.microsoft.aad.msal4j.IAuthenticationResult;
import com.microsoft.aad.msal4j.IntegratedWindowsAuthenticationParameters;
import com.microsoft.aad.msal4j.InteractiveRequestParameters;
import com.microsoft.aad.msal4j.PublicClientApplication;
import com.microsoft.aad.msal4j.UserNamePasswordParameters;
import java.net.URI;
import java.util.Set;
import java.util.concurrent.CompletableFuture;

/** One sign-in with msal4j: no settings but those that a flow requires. */
public final class SignIn {
    private static final String AZURE_CLI = "04b07795-8ddb-461a-bbee-02f9e1bf7b46";
    private static final String AUTHORITY = "https://login.microsoftonline.com/organizations/";
    private static final Set<String> SCOPES = Set.of("https://graph.microsoft.com/.default");
    private static final int USER_LIMIT_SECONDS = 45;

    private SignIn() {}

    public static void main(String[] arguments) {
        String flow = arguments.length == 1 ? arguments[0] : "";
        try {
            IAuthenticationResult result = acquire(flow, System.getenv("SSOSIM_USER")).join();
            System.out.println("signed in as " + result.account().username());
        } catch (Exception error) {
            System.err.println(causes(error));
            System.exit(1);
        }
        System.exit(0); // the thread pool of msal4j would keep the process running for a minute
    }

    private static CompletableFuture<IAuthenticationResult> acquire(String flow, String user) throws Exception {
        PublicClientApplication application =
                PublicClientApplication.builder(AZURE_CLI).authority(AUTHORITY).build();
        return switch (flow) {
            case "integrated" -> application.acquireToken(
                    IntegratedWindowsAuthenticationParameters.builder(SCOPES, user).build());
            case "username-password" -> application.acquireToken(
                    UserNamePasswordParameters.builder(SCOPES, user, System.getenv("SSOSIM_PASSWORD").toCharArray())
                            .build());
            case "interactive" -> application.acquireToken(
                    InteractiveRequestParameters.builder(new URI("http://localhost"))
                            .scopes(SCOPES)
                            .loginHint(user)
                            .httpPollingTimeoutInSeconds(USER_LIMIT_SECONDS)
                            .build());
            default -> throw new IllegalArgumentException(
                    "flow '" + flow + "': use integrated, username-password or interactive");
        };
    }

    /** The error and its causes, in one line. */
    private static String causes(Throwable error) {
        StringBuilder line = new StringBuilder();
        for (Throwable cause = error; cause != null; cause = cause.getCause()) {
            line.append(line.isEmpty() ? "" : " <- ").append(cause.getClass().getName());
            // most messages repeat that of the cause: print it once
            if (cause.getCause() == null || !String.valueOf(cause.getMessage()).contains(cause.getCause().toString())) {
                line.append(": ").append(cause.getMessage());
            }
        }
        return line.toString().replaceAll("\\s+", " ");
    }
}
