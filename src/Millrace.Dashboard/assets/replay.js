import { empty, getJson, h, number, postJson, rate, seconds, time } from "./dom.js";

// Generations of the deciding code: how they stand, and the way from one to another. What readers notice and what cannot be undone asks for the number.

const words = { Live: "live", Shadow: "in the shadow", Retiring: "kept to go back to", Dropping: "has ended; its state is being deleted" };

export function replay(main) {
  const list = h("div", null);
  const actions = h("div.bar", null);
  const said = h("p.notice", { role: "status", hidden: true });
  main.append(
    h("h1", null, "Replay"),
    h("p.lead", null, "A generation is one version of the deciding code over all recorded commands. Everybody reads the live one's events; another is made in the shadow and takes over at one position in each partition."),
    said,
    actions,
    list,
  );
  let stopped = false;
  let timer = 0;
  let shown = "";
  async function refresh() {
    clearTimeout(timer);
    try {
      const status = await getJson("api/replay");
      const text = JSON.stringify(status);
      if (text !== shown && !stopped) {
        shown = text;
        actions.replaceChildren(...buttons(status, ask));
        list.replaceChildren(...status.generations.map(card), ...unsettled(status));
      }
    } catch (error) {
      list.replaceChildren(empty(error.message));
      actions.replaceChildren();
      shown = "";
    }
    if (!stopped) timer = setTimeout(refresh, 1000);
  }

  /** Asks for what the deed needs, and does it. */
  function ask({ verb, title, changes, number: wanted, reason, share, candidate, against }) {
    const dialog = document.getElementById("dialog");
    const why = h("input", { required: true, autocomplete: "off", id: "reason" });
    const typed = h("input", { required: true, autocomplete: "off", id: "confirm", inputmode: "numeric" });
    const part = h("input", { type: "number", min: 1, max: 100, value: 100, id: "share" });
    const build = h("input", { autocomplete: "off", id: "candidate" });
    const force = h("input", { type: "checkbox", id: "force" });
    const wrong = h("p.fault", { role: "alert" });
    dialog.replaceChildren(
      h("h2", null, title),
      changes.map((line) => h("p", null, line)),
      against?.length ? [h("ul", null, against.map((line) => h("li.fault", null, line))), h("label", { for: "force" }, force, " I have seen this, and it does not matter.")] : null,
      h(
        "form",
        {
          method: "dialog",
          submit: async (e) => {
            e.preventDefault();
            try {
              const answer = await postJson(`api/replay/${verb}`, {
                generation: wanted,
                confirm: wanted === undefined ? undefined : Number(typed.value),
                reason: reason ? why.value : undefined,
                force: force.checked,
                share: share ? Number(part.value) : undefined,
                candidate: candidate && build.value ? build.value : undefined,
              });
              dialog.close();
              said.hidden = false;
              said.textContent = answer?.groups ? `Generation ${answer.number} has ended. Its state is being deleted; nobody reads or writes its logs any more: ${answer.logs.join(", ")}.` : `Done: ${title}`;
              refresh();
            } catch (error) {
              wrong.textContent = error.message;
            }
          },
        },
        reason && [h("label", { for: "reason" }, "Why?"), why],
        share && [h("label", { for: "share" }, "Share of each partition's time, in percent"), part],
        candidate && [h("label", { for: "candidate" }, "Build in the folder of candidates (empty: the one that is loaded)"), build],
        wanted !== undefined && [h("label", { for: "confirm" }, "Type ", h("code", null, String(wanted)), " to confirm"), typed],
        wrong,
        h("div.actions", null, h("button.quiet", { type: "button", click: () => dialog.close() }, "Cancel"), h(wanted === undefined ? "button" : "button.danger", null, title.replace("?", ""))),
      ),
    );
    dialog.showModal();
  }

  refresh();
  return () => {
    stopped = true;
    clearTimeout(timer);
  };
}

function buttons(status, ask) {
  const shadow = status.generations.find((one) => one.role === "Shadow");
  const old = status.generations.find((one) => one.role === "Retiring");
  const button = (kind, name, deed) => h(kind, { type: "button", click: () => ask(deed) }, name);
  if (shadow)
    return [
      button("button", "Promote…", {
        verb: "promote",
        title: `Promote generation ${shadow.number}?`,
        changes: [...differences(shadow), `From the fence on, everybody who reads events reads those of generation ${shadow.number}. The one before computes on, unseen, so that it can be gone back to.`],
        against: shadow.against,
        number: shadow.number,
        reason: true,
      }),
      button("button.danger", "Abandon…", { verb: "abandon", title: `Abandon generation ${shadow.number}?`, changes: ["It ends, and what it has decided is of no use any more. Nobody has read anything of it since it was live last."], number: shadow.number }),
    ];
  if (old)
    return [
      button("button.danger", "Roll back…", {
        verb: "rollback",
        title: `Go back from generation ${status.live}?`,
        changes: [`From the fence on, everybody reads generation ${old.number} again. What generation ${status.live} has published stands.`],
        number: status.live,
        reason: true,
      }),
      button("button.danger", "Complete…", { verb: "complete", title: `Complete the promotion of generation ${status.live}?`, changes: [`Generation ${old.number} ends, and nothing brings it back.`], number: status.live }),
    ];
  return [button("button", "Start a generation…", { verb: "start", title: "Start a generation?", changes: [status.candidate ? `The candidate that is loaded has the code ${status.candidate}; what runs has ${status.code}.` : "No candidate is loaded."], share: true, candidate: true })];
}

function differences(shadow) {
  const compared = shadow.comparison;
  if (!compared) return [];
  const all = compared.different + compared.added + compared.missing + compared.otherOutcomes;
  if (!all) return [`No difference in ${number(compared.same + compared.outcomes)} events and answers.`];
  const lines = [`${number(compared.different)} events differ, ${number(compared.added)} are new, ${number(compared.missing)} are missing.`];
  if (compared.otherOutcomes) lines.push(`${number(compared.otherOutcomes)} answers that clients were given would be others now: ${compared.answers.slice(0, 3).join("; ")}. What they were told stands.`);
  return lines;
}

function card(one) {
  if (one.role === "Dropping") return h("section.stage", null, h("h3", null, `Generation ${one.number} ${words.Dropping}`));
  const running = one.isHere ? (one.lag ? "busy" : "good") : "stalled";
  return h(
    `section.stage.${one.faults.length ? "failed" : running}`,
    null,
    one.faults.length ? h("span.flag", null, "fallen over") : null,
    h("h3", null, `Generation ${one.number}, ${words[one.role]}`),
    one.role !== "Live" && h("progress", { max: Math.max(1, one.end), value: one.end ? one.position : 1, "aria-label": `Generation ${one.number} has decided ${one.position} of ${one.end} commands` }),
    h("p", null, `${number(one.position)} of ${number(one.end)} commands`, one.lag ? `, ${number(one.lag)} to go` : ", caught up", one.lag && one.rate ? ` at ${rate(one.rate)}/s` : "", one.lag && one.secondsLeft ? `, about ${seconds(one.secondsLeft)} left` : ""),
    differences(one).map((line) => h("p", null, line)),
    one.faults.map((fault) => h("p.fault", null, fault)),
    h(
      "dl",
      null,
      [h("dt", null, "Code"), h("dd", null, h("code", null, one.code), one.isHere ? "" : " (not in this process)")],
      one.started && [h("dt", null, "Started"), h("dd", null, time(one.started, true), one.by ? ` by ${one.by}` : "")],
      one.role === "Shadow" && [h("dt", null, "Share"), h("dd", null, `${one.share} %`)],
      one.parked ? [h("dt", null, "Parked"), h("dd", null, number(one.parked))] : null,
    ),
    one.comparison?.examples?.length ? h("details", null, h("summary", null, "The first that differ"), one.comparison.examples.map((line) => h("p", null, h("code", null, line)))) : null,
  );
}

function unsettled(status) {
  return status.unsettled.length ? [h("p.notice", null, `The fence has not been through ${status.unsettled.length} places yet: ${status.unsettled[0]}`)] : [];
}
