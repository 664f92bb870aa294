import java.io.OutputStream;
import java.net.HttpURLConnection;
import java.net.URL;
import java.nio.charset.StandardCharsets;

/** One WS-Trust request with the JDK's HTTP client; the JDK responds to Negotiate. */
public final class SignIn {
    private static final String ENDPOINT =
            "https://autologon.microsoftazuread-sso.com/contoso.com/winauth/trust/2005/windowstransport";
    private static final String ISSUE = "http://schemas.xmlsoap.org/ws/2005/02/trust/RST/Issue";
    private static final String REQUEST = """
            <s:Envelope xmlns:s="http://www.w3.org/2003/05/soap-envelope" xmlns:a="http://www.w3.org/2005/08/addressing">
              <s:Header>
                <a:Action s:mustUnderstand="1">%s</a:Action>
                <a:MessageID>urn:uuid:00000000-0000-0000-0000-000000000001</a:MessageID>
                <a:To s:mustUnderstand="1">%s</a:To>
              </s:Header>
              <s:Body>
                <t:RequestSecurityToken xmlns:t="http://schemas.xmlsoap.org/ws/2005/02/trust">
                  <p:AppliesTo xmlns:p="http://schemas.xmlsoap.org/ws/2004/09/policy">
                    <a:EndpointReference><a:Address>urn:federation:MicrosoftOnline</a:Address></a:EndpointReference>
                  </p:AppliesTo>
                  <t:KeyType>http://schemas.xmlsoap.org/ws/2005/05/identity/NoProofKey</t:KeyType>
                  <t:RequestType>http://schemas.xmlsoap.org/ws/2005/02/trust/Issue</t:RequestType>
                </t:RequestSecurityToken>
              </s:Body>
            </s:Envelope>
            """;

    private SignIn() {}

    public static void main(String[] arguments) {
        try {
            send();
        } catch (Exception error) {
            System.err.println(error);
            System.exit(1);
        }
        System.out.println("signed in as " + System.getenv("SSOSIM_USER"));
    }

    private static void send() throws Exception {
        HttpURLConnection connection = (HttpURLConnection) new URL(ENDPOINT).openConnection();
        connection.setRequestMethod("POST");
        connection.setRequestProperty("Content-Type", "application/soap+xml; charset=utf-8");
        connection.setRequestProperty("SOAPAction", ISSUE);
        connection.setDoOutput(true); // no streaming mode: the JDK keeps the body and sends it again with the ticket
        try (OutputStream body = connection.getOutputStream()) {
            body.write(REQUEST.formatted(ISSUE, ENDPOINT).getBytes(StandardCharsets.UTF_8));
        }
        int status = connection.getResponseCode();
        if (status != HttpURLConnection.HTTP_OK) {
            throw new IllegalStateException(ENDPOINT + " answered " + status);
        }
        String answer = new String(connection.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        if (!answer.contains("RequestedSecurityToken")) {
            throw new IllegalStateException(ENDPOINT + " answered with something else than a token");
        }
    }
}
