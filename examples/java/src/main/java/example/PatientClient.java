package example;

import java.io.IOException;
import java.io.OutputStream;
import java.net.HttpURLConnection;
import java.net.URL;
import java.nio.charset.StandardCharsets;

/** The program under test: asks for a token with the signed-on user's ticket, up to three times where 503 comes. */
public final class PatientClient {
    private static final int TRIES = 3;
    private static final long PAUSE_MS = 200;
    private static final String ENDPOINT =
            "https://autologon.microsoftazuread-sso.com/contoso.com/winauth/trust/2005/windowstransport";
    private static final String ISSUE = "http://schemas.xmlsoap.org/ws/2005/02/trust/RST/Issue";
    private static final String REQUEST = """
            <s:Envelope xmlns:s="http://www.w3.org/2003/05/soap-envelope"
                        xmlns:a="http://www.w3.org/2005/08/addressing">
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
            """.formatted(ISSUE, ENDPOINT);

    private PatientClient() {}

    public static void main(String[] arguments) throws InterruptedException {
        int status = 0;
        try {
            for (int tries = 1; tries <= TRIES; tries++) {
                status = ask();
                if (status != HttpURLConnection.HTTP_UNAVAILABLE) {
                    break;
                }
                Thread.sleep(PAUSE_MS);
            }
            System.out.println(status == HttpURLConnection.HTTP_OK ? "signed in" : "answered " + status);
        } catch (IOException error) {
            System.out.println(error);
        }
        System.exit(status == HttpURLConnection.HTTP_OK ? 0 : 1);
    }

    private static int ask() throws IOException {
        HttpURLConnection connection = (HttpURLConnection) new URL(ENDPOINT).openConnection();
        connection.setRequestProperty("Content-Type", "application/soap+xml; charset=utf-8");
        connection.setRequestProperty("SOAPAction", ISSUE);
        connection.setDoOutput(true);
        try (OutputStream body = connection.getOutputStream()) {
            body.write(REQUEST.getBytes(StandardCharsets.UTF_8));
        }
        return connection.getResponseCode();
    }
}
