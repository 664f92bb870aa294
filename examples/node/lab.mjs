// Drives a lab of ssosim from Node: faults, programs, events, verdicts. No packages.
import { execFile, spawn } from "node:child_process";
import http from "node:http";
import { promisify } from "node:util";

const ssosim = process.env.SSOSIM || "ssosim";

/** A running lab, steered over its Unix socket (docs/openapi.json). */
export class Lab {
  #name;
  #socket;

  constructor(name, socket) {
    this.#name = name;
    this.#socket = socket;
  }

  /** Starts a lab of that name. The command is $SSOSIM, else ssosim on the PATH. */
  static async start(name) {
    const { stdout } = await promisify(execFile)(ssosim, ["up", "--detach", "--json", "--name", name]);
    return new Lab(name, JSON.parse(stdout).api.socket);
  }

  /** Stops the lab and all that runs in it. */
  stop() {
    return this.#call("POST", "/v1/stop");
  }

  /** Puts a fault in force (`ssosim fault list`), until `mend` or up to the limit that it has itself. */
  break(fault) {
    return this.#call("POST", "/v1/faults", fault);
  }

  /** Undoes all faults. */
  mend() {
    return this.#call("DELETE", "/v1/faults/all");
  }

  /** Runs a program on a device of its own, which the trace calls `label`: its exit code, and all that it printed. */
  run(label, ...program) {
    const child = spawn(ssosim, ["exec", "--name", this.#name, "--as", label, "--", ...program]);
    let printed = "";
    for (const stream of [child.stdout, child.stderr]) stream.on("data", (text) => (printed += text));
    return new Promise((resolve, reject) => {
      child.on("error", reject);
      child.on("close", (code) => resolve({ code, printed }));
    });
  }

  /**
   * The first event that `query` selects (client, kind, layer, text, since, timeout_s); one that is there already
   * counts. Undefined: none came in time.
   */
  wait(query) {
    return this.#call("GET", `/v1/wait?${new URLSearchParams(query)}`);
  }

  /** The events that `query` selects, the oldest first. */
  async events(query) {
    return (await this.#call("GET", `/v1/trace?${new URLSearchParams(query)}`)).records;
  }

  /** What became of the program that is called `label`: outcome, reason, after_s. */
  async verdict(label) {
    return (await this.#call("GET", `/v1/verdicts?${new URLSearchParams({ client: label })}`)).verdicts[0];
  }

  #call(method, path, body) {
    return new Promise((resolve, reject) => {
      const request = http.request({ socketPath: this.#socket, method, path, headers: { Host: "lab" } }, (answer) => {
        let text = "";
        answer.setEncoding("utf8");
        answer.on("data", (part) => (text += part));
        answer.on("end", () => {
          const said = text ? JSON.parse(text) : undefined;
          if (answer.statusCode < 400) resolve(said);
          else reject(new Error(`${method} ${path}: ${answer.statusCode}: ${said?.error}`));
        });
      });
      request.on("error", reject);
      request.end(body && JSON.stringify(body));
    });
  }
}
