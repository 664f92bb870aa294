package example;

import com.google.gson.Gson;
import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/**
 * A running lab, steered over its control API (docs/openapi.json). On loopback: Java's HTTP client has no Unix sockets.
 * Copy this class into your own tests.
 */
final class Lab {
    private static final String COMMAND = System.getenv().getOrDefault("SSOSIM", "ssosim");
    private static final Duration PATIENCE = Duration.ofSeconds(60);

    private final HttpClient http = HttpClient.newHttpClient();
    private final String name;
    private final String url;
    private final String token;

    private Lab(String name, String url, String token) {
        this.name = name;
        this.url = url;
        this.token = token;
    }

    /** Starts a lab of that name. The command is $SSOSIM, else ssosim on the PATH. */
    static Lab start(String name) throws IOException, InterruptedException {
        Process up = new ProcessBuilder(COMMAND, "up", "--detach", "--api", "--json", "--name", name)
                .redirectError(ProcessBuilder.Redirect.INHERIT)
                .start();
        String said = new String(up.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        if (up.waitFor() != 0) {
            throw new IllegalStateException(COMMAND + " up: exit code " + up.exitValue() + ", see above");
        }
        JsonObject api = JsonParser.parseString(said).getAsJsonObject().getAsJsonObject("api");
        String token = Files.readString(Path.of(api.get("token_file").getAsString())).strip();
        return new Lab(name, api.get("url").getAsString(), token);
    }

    /** Stops the lab and all that runs in it. */
    void stop() throws IOException, InterruptedException {
        call("POST", "/v1/stop", null);
    }

    /** Puts a fault in force; closing it takes it away again, if it has not ended by itself. */
    Fault apply(String fault, Map<String, ?> fields) throws IOException, InterruptedException {
        JsonObject body = new Gson().toJsonTree(fields).getAsJsonObject();
        body.addProperty("fault", fault);
        return new Fault(this, call("POST", "/v1/faults", body.toString()).get("id").getAsInt());
    }

    /** Numbers of the faults in force. */
    List<Integer> faults() throws IOException, InterruptedException {
        List<Integer> ids = new ArrayList<>();
        for (var each : call("GET", "/v1/faults", null).getAsJsonArray("faults")) {
            ids.add(each.getAsJsonObject().get("id").getAsInt());
        }
        return ids;
    }

    /**
     * Starts a Java program of this project on a device of its own; {@code client} is its name in trace and verdict.
     * What it prints is in target/CLIENT.log. It is signed in with the assertion that it gets for its ticket.
     */
    Process start(String client, Class<?> program) throws IOException {
        String java = Path.of(System.getProperty("java.home"), "bin", "java").toString();
        return new ProcessBuilder(
                        COMMAND, "exec", "--name", name, "--as", client, "--last-step", "wstrust-ticket", "--",
                        java, "-XX:TieredStopAtLevel=1", "-cp", "target/classes", program.getName())
                .redirectErrorStream(true)
                .redirectOutput(Path.of("target", client + ".log").toFile())
                .start();
    }

    /** As {@code start}, and waits for its end; the exit code. */
    int run(String client, Class<?> program) throws IOException, InterruptedException {
        return start(client, program).waitFor();
    }

    /** The first event of this kind that {@code client} caused, waited for if need be; AssertionError: none came. */
    JsonObject await(String client, String kind) throws IOException, InterruptedException {
        JsonObject record = call("GET", "/v1/wait?timeout_s=30&client=" + client + "&kind=" + kind, null);
        if (record.size() == 0) {
            throw new AssertionError(client + " caused no " + kind + " in 30 s");
        }
        return record;
    }

    /** The statuses that {@code client} was answered with, in order. */
    List<Integer> statuses(String client) throws IOException, InterruptedException {
        List<Integer> statuses = new ArrayList<>();
        JsonObject trace = call("GET", "/v1/trace?kind=HttpExchange&client=" + client, null);
        for (var each : trace.getAsJsonArray("records")) {
            statuses.add(each.getAsJsonObject().get("status").getAsInt());
        }
        return statuses;
    }

    /** What became of {@code client}: {@code outcome}, {@code reason}, {@code spn} and more. */
    JsonObject verdict(String client) throws IOException, InterruptedException {
        JsonObject verdicts = call("GET", "/v1/verdicts?client=" + client, null);
        return verdicts.getAsJsonArray("verdicts").get(0).getAsJsonObject();
    }

    private JsonObject call(String method, String path, String body) throws IOException, InterruptedException {
        var content = body == null ? HttpRequest.BodyPublishers.noBody() : HttpRequest.BodyPublishers.ofString(body);
        HttpRequest request = HttpRequest.newBuilder(URI.create(url + path))
                .timeout(PATIENCE)
                .header("Authorization", "Bearer " + token)
                .header("Content-Type", "application/json")
                .method(method, content)
                .build();
        HttpResponse<String> answer = http.send(request, HttpResponse.BodyHandlers.ofString());
        if (answer.statusCode() >= 300) {
            throw new IllegalStateException(method + " " + path + ": " + answer.body());
        }
        boolean empty = answer.statusCode() == 204; // nothing came in time
        return empty ? new JsonObject() : JsonParser.parseString(answer.body()).getAsJsonObject();
    }

    /** A fault in force. */
    record Fault(Lab lab, int id) implements AutoCloseable {
        @Override
        public void close() throws IOException, InterruptedException {
            if (lab.faults().contains(id)) {
                lab.call("DELETE", "/v1/faults/" + id, null);
            }
        }
    }
}
