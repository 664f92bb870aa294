import com.azure.core.credential.TokenCredential;
import com.azure.core.credential.TokenRequestContext;
import com.azure.identity.AzureCliCredentialBuilder;
import com.azure.identity.AzureDeveloperCliCredentialBuilder;
import com.azure.identity.AzurePipelinesCredentialBuilder;
import com.azure.identity.AzurePowerShellCredentialBuilder;
import com.azure.identity.ChainedTokenCredentialBuilder;
import com.azure.identity.ClientAssertionCredentialBuilder;
import com.azure.identity.ClientCertificateCredentialBuilder;
import com.azure.identity.ClientSecretCredentialBuilder;
import com.azure.identity.DefaultAzureCredentialBuilder;
import com.azure.identity.EnvironmentCredentialBuilder;
import com.azure.identity.ManagedIdentityCredentialBuilder;
import com.azure.identity.WorkloadIdentityCredentialBuilder;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Base64;
import java.util.HashMap;
import java.util.Locale;
import java.util.Map;

/**
 * A program without a person: it gets one token with azure-identity, and prints what the token says, or the error.
 *
 * <p>Usage: {@code Unattended CREDENTIAL [NAME=VALUE ...]}.
 */
public final class Unattended {
    private static final Map<String, String> SETTINGS = new HashMap<>();

    private Unattended() {}

    public static void main(String[] arguments) {
        String name = arguments.length > 0 ? arguments[0] : "";
        for (int index = 1; index < arguments.length; index++) {
            String[] parts = arguments[index].split("=", 2);
            SETTINGS.put(parts[0], parts.length > 1 ? parts[1] : "");
        }
        System.setProperty("org.slf4j.simpleLogger.defaultLogLevel", SETTINGS.containsKey("log") ? "info" : "off");
        long began = System.nanoTime();
        String result;
        int code = 0;
        try {
            String scope = SETTINGS.getOrDefault("resource", "https://management.azure.com") + "/.default";
            String token = credential(name).getTokenSync(new TokenRequestContext().addScopes(scope)).getToken();
            byte[] claims = Base64.getUrlDecoder().decode(token.split("\\.")[1]);
            result = "\"claims\": " + new String(claims, StandardCharsets.UTF_8);
        } catch (Exception error) {
            result = "\"error\": " + quote(error.getClass().getSimpleName()) + ", \"text\": " + quote(causes(error));
            code = 1;
        }
        System.out.printf(Locale.ROOT, "{%s, \"seconds\": %.3f}%n", result, (System.nanoTime() - began) / 1e9);
        System.exit(code); // the threads of the HTTP client would keep the process running
    }

    private static TokenCredential credential(String name) {
        String tenant = SETTINGS.get("tenant_id");
        String client = SETTINGS.get("client_id");
        return switch (name) {
            case "managed-identity" -> new ManagedIdentityCredentialBuilder()
                    .clientId(client)
                    .objectId(SETTINGS.get("object_id"))
                    .resourceId(SETTINGS.get("resource_id"))
                    .build();
            case "workload-identity" -> new WorkloadIdentityCredentialBuilder().build();
            case "environment" -> new EnvironmentCredentialBuilder().build();
            case "default" -> new DefaultAzureCredentialBuilder().credentialProcessTimeout(timeout()).build();
            case "cli" -> new AzureCliCredentialBuilder().tenantId(tenant).processTimeout(timeout()).build();
            case "developer-cli" -> new AzureDeveloperCliCredentialBuilder().build();
            case "powershell" -> new AzurePowerShellCredentialBuilder().build();
            case "pipelines" -> new AzurePipelinesCredentialBuilder()
                    .tenantId(set("tenant_id", "AZURESUBSCRIPTION_TENANT_ID"))
                    .clientId(set("client_id", "AZURESUBSCRIPTION_CLIENT_ID"))
                    .serviceConnectionId(set("connection", "AZURESUBSCRIPTION_SERVICE_CONNECTION_ID"))
                    .systemAccessToken(set("token", "SYSTEM_ACCESSTOKEN"))
                    .build();
            case "secret" -> new ClientSecretCredentialBuilder()
                    .tenantId(tenant)
                    .clientId(client)
                    .clientSecret(SETTINGS.get("secret"))
                    .build();
            case "certificate" -> certificate(tenant, client);
            case "assertion" -> new ClientAssertionCredentialBuilder()
                    .tenantId(tenant)
                    .clientId(client)
                    .clientAssertion(() -> read(SETTINGS.get("file")))
                    .build();
            case "chained" -> {
                ChainedTokenCredentialBuilder chain = new ChainedTokenCredentialBuilder();
                for (String each : SETTINGS.get("of").split(",")) {
                    chain.addLast(credential(each));
                }
                yield chain.build();
            }
            default -> throw new IllegalArgumentException("no credential is called '" + name + "'");
        };
    }

    private static TokenCredential certificate(String tenant, String client) {
        ClientCertificateCredentialBuilder builder = new ClientCertificateCredentialBuilder()
                .tenantId(tenant)
                .clientId(client)
                .sendCertificateChain("1".equals(SETTINGS.get("send_chain")));
        String password = SETTINGS.get("password");
        boolean pem = SETTINGS.get("path").endsWith(".pem");
        builder = pem ? builder.pemCertificate(SETTINGS.get("path")) : builder.pfxCertificate(SETTINGS.get("path"));
        return password == null ? builder.build() : builder.clientCertificatePassword(password).build();
    }

    private static String set(String setting, String variable) {
        return SETTINGS.getOrDefault(setting, System.getenv(variable));
    }

    /** The time limit for a command line of a credential; that of the library is ten seconds. */
    private static Duration timeout() {
        return Duration.ofSeconds(Long.parseLong(SETTINGS.getOrDefault("timeout", "10")));
    }

    private static String read(String file) {
        try {
            return Files.readString(Path.of(file));
        } catch (IOException error) {
            throw new UncheckedIOException(error);
        }
    }

    /** The error and its causes, in one line. */
    private static String causes(Throwable error) {
        StringBuilder line = new StringBuilder();
        for (Throwable cause = error; cause != null; cause = cause.getCause()) {
            line.append(line.isEmpty() ? "" : " <- " + cause.getClass().getSimpleName() + ": ").append(cause.getMessage());
        }
        return line.toString().replaceAll("\\s+", " ");
    }

    private static String quote(String text) {
        StringBuilder quoted = new StringBuilder("\"");
        for (char each : text.toCharArray()) {
            if (each == '"' || each == '\\') {
                quoted.append('\\').append(each);
            } else if (each < ' ') {
                quoted.append(String.format("\\u%04x", (int) each));
            } else {
                quoted.append(each);
            }
        }
        return quoted.append('"').toString();
    }
}
