/* Everything here makes a working page quicker or kinder; no page needs it.
   No eval, no inline handlers, no state that the server would have to know. */
"use strict";
(() => {
  const all = (selector, root = document) => [...root.querySelectorAll(selector)];
  const toasts = () => document.getElementById("toasts");

  /* Toasts: good news leaves after eight seconds unless someone reads it, bad news stays. */
  const icon = (name) => {
    const known = document.querySelector(`use[href*="#i-"]`);
    const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
    const use = document.createElementNS("http://www.w3.org/2000/svg", "use");
    svg.setAttribute("class", "icon");
    svg.setAttribute("aria-hidden", "true");
    use.setAttribute("href", `${known ? known.getAttribute("href").split("#")[0] : ""}#i-${name}`);
    svg.append(use);
    return svg;
  };
  const element = (tag, className, text = "") => {
    const made = document.createElement(tag);
    made.className = className;
    made.textContent = text;
    return made;
  };
  const toast = ({ kind = "info", title = "", text = "" }) => {
    const place = toasts();
    if (!place || all(".toast strong", place).some((shown) => shown.textContent === title)) return;
    const box = element("div", `toast ${kind}`);
    const words = element("div", "");
    const close = element("button", "btn plain small icon-only");
    words.append(element("strong", "", title));
    if (text) words.append(element("p", "", text));
    close.type = "button";
    close.dataset.closeToast = "";
    close.setAttribute("aria-label", place.dataset.close);
    close.append(icon("x"));
    box.dataset.toast = "";
    if (kind === "bad") box.dataset.stays = "";
    box.append(icon({ ok: "check", bad: "alert" }[kind] || "info"), words, close);
    place.append(box);
    watchToasts();
  };
  const watchToasts = () => all("[data-toast]:not([data-timed])").forEach((box) => {
    box.dataset.timed = "";
    if ("stays" in box.dataset) return;
    let timer = 0;
    const pause = () => clearTimeout(timer);
    const start = () => { pause(); timer = setTimeout(() => box.remove(), 8000); };
    box.addEventListener("pointerenter", pause);
    box.addEventListener("pointerleave", start);
    box.addEventListener("focusin", pause);
    box.addEventListener("focusout", start);
    start();
  });
  document.addEventListener("toast", (event) => toast(event.detail));

  /* Support at work as a merchant: the time that is left counts down; the server ends it by its own clock. */
  const clock = () => {
    const place = document.getElementById("support_clock");
    if (!place) return;
    const began = place.began ??= performance.now();
    const left = Number(place.dataset.seconds) - (performance.now() - began) / 1000;
    const words = left < 60 ? place.dataset.last : place.dataset.left.replace("{n}", Math.floor(left / 60));
    all(".strip .clock[data-left]").forEach((shown) => { if (shown.textContent !== words) shown.textContent = words; });
    if (left > 0) return;
    /* What was typed cannot be saved any more, so nothing asks whether to stay. */
    all("form[data-watch]").forEach((form) => { form.leaving = true; });
    location.assign(place.dataset.over);
  };
  setInterval(clock, 1000);

  /* The strip stays in sight and at hand whatever opens over the page: what covers it begins below it, and a dialog,
     under which nothing can be pressed, wears a copy. */
  const height = new ResizeObserver(([strip]) => document.documentElement.style.setProperty("--worn", `${strip.target.offsetHeight}px`));
  const wear = (dialog) => {
    const strip = document.getElementById("support_strip");
    if (!strip || dialog.querySelector(".strip.worn")) return;
    const copy = strip.cloneNode(true);
    [copy, ...all("[id]", copy)].forEach((each) => each.removeAttribute("id"));
    copy.classList.add("worn");
    dialog.append(copy);
  };

  /* Dialogs that were fetched are opened, and removed when closed; focus goes back to the opener. */
  let opener = null;
  const openDialogs = () => all("dialog[data-modal]:not([open])").forEach((dialog) => {
    dialog.addEventListener("close", () => {
      dialog.remove();
      if (!document.querySelector("dialog[open]")) document.getElementById(opener)?.focus();
    });
    dialog.showModal();
  });
  document.addEventListener("dialog_done", () => all("dialog[data-modal]").forEach((dialog) => dialog.close()));

  /* A watched form shows its save bar when it differs from what was loaded. */
  const content = (form) => JSON.stringify([...new FormData(form)].map(([name, value]) => [name, value.name ?? value]));
  const judge = (form) => form.toggleAttribute("data-clean", form.loaded === content(form) && !form.querySelector("[aria-invalid=true]"));
  const watchForms = () => all("form[data-watch]").forEach((form) => {
    if (form.loaded !== undefined) return;
    form.loaded = content(form);
    judge(form);
  });
  const changed = (event) => event.target.form?.matches("[data-watch]") && judge(event.target.form);
  document.addEventListener("input", changed);
  document.addEventListener("change", changed);
  document.addEventListener("reset", (event) => setTimeout(() => {
    if (event.target.matches("[data-watch]")) judge(event.target);
    count();
  }));
  document.addEventListener("submit", (event) => { event.target.leaving = true; });
  window.addEventListener("beforeunload", (event) => {
    if (all("form[data-watch]:not([data-clean])").some((form) => !form.leaving)) event.preventDefault();
  });

  /* A page that the browser had kept is a new drawing when it is shown again: its forms get fresh one-time marks. */
  const mark = () => Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");
  window.addEventListener("pageshow", (event) => {
    if (event.persisted) all("[data-once]").forEach((input) => { input.value = mark(); });
  });

  /* Ticked rows: the row is marked, the bar counts them, the tick in the head follows. */
  const count = () => {
    const boxes = all("[data-check]");
    const ticked = boxes.filter((box) => box.checked).length;
    boxes.forEach((box) => {
      if (box.checked) box.closest("tr").setAttribute("aria-selected", "true");
      else box.closest("tr").removeAttribute("aria-selected");
    });
    all("[data-check-all]").forEach((head) => {
      head.checked = ticked > 0 && ticked === boxes.length;
      head.indeterminate = ticked > 0 && ticked < boxes.length;
    });
    all("[data-bulk]").forEach((bar) => {
      bar.hidden = ticked === 0;
      bar.querySelector("[data-selected]").textContent = (toasts()?.dataset.selected || "{n}").replace("{n}", ticked);
    });
  };
  document.addEventListener("change", (event) => {
    if (event.target.matches("[data-check-all]")) all("[data-check]").forEach((box) => { box.checked = event.target.checked; });
    if (event.target.matches("[data-check], [data-check-all]")) count();
  });

  /* Date and time inputs speak the browser's language; the words under them speak the page's. */
  const sayDate = (input) => {
    const words = document.querySelector(`[data-words-for="${input.id}"]`);
    const style = { "datetime-local": { dateStyle: "medium", timeStyle: "short" }, date: { dateStyle: "medium" } }[input.type];
    if (!words || !style) return;
    const moment = new Date(input.type === "date" ? `${input.value}T12:00` : input.value);
    words.textContent = isNaN(moment) ? "" : new Intl.DateTimeFormat(document.documentElement.lang, style).format(moment);
  };
  document.addEventListener("input", (event) => sayDate(event.target));

  /* Buttons: copy, show a password, fill in a suggested value, close a toast, go to the search. */
  const copy = async (button) => {
    const source = document.getElementById(button.dataset.copy);
    const said = button.querySelector("span");
    try {
      await navigator.clipboard.writeText(source.textContent.trim());
    } catch {
      /* Without https there is no clipboard: select the value, so that one key copies it. */
      getSelection().selectAllChildren(source);
      return;
    }
    const before = said.textContent;
    said.setAttribute("role", "status");
    said.textContent = toasts().dataset.copied;
    setTimeout(() => { said.textContent = before; }, 2000);
  };
  const reveal = (button) => {
    const input = document.getElementById(button.dataset.reveal);
    const shown = input.type === "text";
    const said = button.querySelector("span");
    [said.textContent, button.dataset.hideWord] = [button.dataset.hideWord, said.textContent];
    input.type = shown ? "password" : "text";
    button.setAttribute("aria-pressed", String(!shown));
  };
  const fill = (button, event) => {
    const input = document.getElementById(button.dataset.fill);
    event.preventDefault();
    input.value = button.value;
    input.focus();
    input.dispatchEvent(new Event("input", { bubbles: true }));
  };
  const findSearch = () => document.querySelector("dialog[open] input[type=search], main input[type=search]");
  document.addEventListener("click", (event) => {
    const button = event.target.closest("button");
    if (!button) return;
    if ("copy" in button.dataset) copy(button);
    else if ("reveal" in button.dataset) reveal(button);
    else if ("fill" in button.dataset) fill(button, event);
    else if ("closeToast" in button.dataset) button.closest(".toast").remove();
    else if ("find" in button.dataset) findSearch()?.focus();
  });
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape" && !document.querySelector("dialog[open], :popover-open")) toasts()?.querySelector(".toast:last-child")?.remove();
    if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "k" && findSearch()) {
      event.preventDefault();
      findSearch().focus();
    }
  });

  /* htmx: remember who opened a dialog, rest while nobody looks, say when an answer is missing. */
  const polls = (elt) => /\bwake\b/.test(elt.getAttribute("hx-trigger") || "");
  const wake = () => all("[data-asleep]").forEach((elt) => {
    elt.removeAttribute("data-asleep");
    htmx.trigger(elt, "wake");
  });
  document.addEventListener("visibilitychange", () => document.hidden || wake());
  /* What nobody clicked keeps no session open. */
  document.addEventListener("htmx:configRequest", (event) => {
    if (polls(event.detail.elt)) event.detail.headers["X-By-Itself"] = "1";
  });
  document.addEventListener("htmx:beforeRequest", (event) => {
    const { elt } = event.detail;
    if (elt.getAttribute("hx-target") === "#dialog" && elt.id && !elt.closest("dialog")) opener = elt.id;
    if (polls(elt) && document.hidden) {
      elt.dataset.asleep = "";
      event.preventDefault();
    } else if (!polls(elt)) {
      elt.busy = setTimeout(() => elt.setAttribute("aria-busy", "true"), 400);
    }
  });
  document.addEventListener("htmx:afterRequest", (event) => {
    clearTimeout(event.detail.elt.busy);
    event.detail.elt.removeAttribute("aria-busy");
    event.detail.elt.leaving = false;
  });
  const missing = (name) => (event) => {
    const { elt } = event.detail;
    const { dataset } = toasts();
    toast({ kind: "bad", title: dataset[name], text: polls(elt) ? dataset.again : dataset[`${name}Text`] });
    if (polls(elt)) {
      elt.dataset.asleep = "";
      setTimeout(wake, 10000);
    }
  };
  document.addEventListener("htmx:sendError", missing("offline"));
  document.addEventListener("htmx:timeout", missing("slow"));
  document.addEventListener("htmx:responseError", (event) => {
    if (!event.detail.xhr.getResponseHeader("HX-Trigger") && event.detail.xhr.status >= 400) missing("broken")(event);
  });

  const settle = () => {
    watchToasts();
    openDialogs();
    all("dialog[data-modal]").forEach(wear);
    all("#support_strip").forEach((strip) => height.observe(strip));
    watchForms();
    count();
    all(".views [aria-current]").forEach((tab) => { tab.parentElement.scrollLeft = tab.offsetLeft - (tab.parentElement.clientWidth - tab.offsetWidth) / 2; });
    all("[data-reveal][hidden]").forEach((button) => { button.hidden = false; });
    all("[data-find]").forEach((button) => { button.hidden = !findSearch(); });
    all("[data-fades]").forEach((elt) => setTimeout(() => elt.remove(), 3000));
  };
  document.addEventListener("htmx:afterSettle", settle);
  if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", settle);
  else settle();
})();
