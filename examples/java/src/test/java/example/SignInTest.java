package example;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.google.gson.JsonObject;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

/** What becomes of the program when Seamless SSO breaks, judged from the wire. */
class SignInTest {
    private static final String AUTOLOGON = "autologon.microsoftazuread-sso.com";
    private static Lab lab;

    /** A name of its own for each run, so that nobody else is struck or judged. */
    private final String client = "patient-" + UUID.randomUUID().toString().substring(0, 8);

    @BeforeAll
    static void startTheLab() throws Exception {
        lab = Lab.start("example-java");
    }

    @AfterAll
    static void stopTheLab() throws Exception {
        if (lab != null) {
            lab.stop();
        }
    }

    @Test
    void survivesTwoRefusals() throws Exception {
        try (var fault = lab.apply("http-status", refusals(2))) {
            assertEquals(0, lab.run(client, PatientClient.class));
            assertFalse(lab.faults().contains(fault.id()), "it ends by itself after the second");
        }
        assertEquals(List.of(503, 503, 401, 200), lab.statuses(client));
        assertEquals("silent", outcome());
    }

    @Test
    void givesUpAfterTheThird() throws Exception {
        try (var fault = lab.apply("http-status", refusals(10))) {
            assertEquals(1, lab.run(client, PatientClient.class));
        }
        assertEquals(List.of(503, 503, 503), lab.statuses(client));
        assertEquals("failed", outcome());
    }

    @Test
    void keepsItsPrincipalWhenAnAliasBecomesACname() throws Exception {
        try (var fault = lab.apply("cname-for-alias", Map.of("name", AUTOLOGON, "profile", "aadg-autologon"))) {
            Process program = lab.start(client, PatientClient.class);
            JsonObject asked = lab.await(client, "KdcExchange");
            assertEquals("HTTP/" + AUTOLOGON, asked.get("service").getAsString());
            assertEquals(0, program.waitFor());
        }
        assertEquals("silent", outcome());
    }

    @Test
    void hasNoSecondWayWhenTheNameIsGone() throws Exception {
        try (var fault = lab.apply("nxdomain", Map.of("names", List.of(AUTOLOGON), "clients", List.of(client)))) {
            assertEquals(1, lab.run(client, PatientClient.class));
        }
        JsonObject verdict = lab.verdict(client);
        assertEquals("failed", verdict.get("outcome").getAsString());
        assertTrue(verdict.get("reason").getAsString().contains("has no address"), verdict.toString());
    }

    private Map<String, ?> refusals(int count) {
        return Map.of("host", AUTOLOGON, "status", 503, "first", count, "clients", List.of(client));
    }

    private String outcome() throws Exception {
        return lab.verdict(client).get("outcome").getAsString();
    }
}
