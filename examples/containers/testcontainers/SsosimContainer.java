package example;

import java.io.IOException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import org.testcontainers.containers.Container.ExecResult;
import org.testcontainers.containers.GenericContainer;
import org.testcontainers.containers.wait.strategy.Wait;
import org.testcontainers.utility.DockerImageName;

/**
 * A module for Testcontainers for Java: a lab in a container, with its control API. Not run here: it needs Docker.
 *
 * <p>The image is that of the Containerfile. The API listens on the loopback of the container, so requests go through exec.
 */
public class SsosimContainer extends GenericContainer<SsosimContainer> {
    private static final String SOCKET = "/var/lib/ssosim/labs/default/control.sock";

    public SsosimContainer() {
        this(DockerImageName.parse("ssosim"));
    }

    public SsosimContainer(DockerImageName image) {
        super(image);
        withCommand("up", "--api", "8765");
        withCreateContainerCmdModifier(command -> command.getHostConfig()
                .withCapAdd(com.github.dockerjava.api.model.Capability.SYS_ADMIN,
                        com.github.dockerjava.api.model.Capability.NET_ADMIN)
                .withSecurityOpts(List.of("seccomp=unconfined", "apparmor=unconfined")));
        waitingFor(Wait.forLogMessage(".*up, ready in.*", 1).withStartupTimeout(Duration.ofMinutes(2)));
    }

    /** Sends a request to the control API; returns the answer, JSON. {@code body} may be null. */
    public String request(String method, String path, String body) throws IOException, InterruptedException {
        List<String> command = new ArrayList<>(List.of(
                "curl", "-sS", "--fail-with-body", "--unix-socket", SOCKET, "-X", method, "http://lab" + path));
        if (body != null) {
            command.addAll(List.of("-H", "Content-Type: application/json", "-d", body));
        }
        ExecResult result = execInContainer(command.toArray(String[]::new));
        if (result.getExitCode() != 0) {
            throw new IOException(result.getStdout() + result.getStderr());
        }
        return result.getStdout();
    }
}
