// What a page says, and which of its words are in the wrong language.

/// Names of products and protocols, units, and words of the trade that Chinese operators write as they are.
const TERMS = words(`Relay Manager OpenAI Anthropic Gemini API key keys token tokens base URL HTTP HTTPS JSON TOML ASCII curl SSE TCP DNS TLS STARTTLS SMTP OTLP CSV
  UTC USD ID CPU IP IPv TTFT p ms min s h d B KiB MiB GiB webhook Bark Telegram Lark htmx Apache OpenTelemetry SIGTERM
  GitHub Markdown PostgreSQL SQLite Redis Linux Python Node JavaScript`);

/// A browser's own name, on the page of sessions.
const BROWSER = words("Mozilla Linux AppleWebKit KHTML like Gecko HeadlessChrome Chrome Safari");

/// What the simulated hosts say in their own words: it is shown as it came.
const OF_HOSTS = /Invalid admin API key|Invalid API key|API key 额度已用完/g;

/// Commands between backticks, fields with their values, names between quotes, addresses and names of fields, headers, flags, values
/// of the configuration, the three actions of the API, what has a digit.
const DATA = [
  /`[^`]*`/g,
  /[\w.]+ = (?:[{["].*[\]}"]|\S+)/g,
  /\b[a-z][a-z.]*(?= (?:是|中的|有误))/g,
  /“[^” ]*”/g,
  /[!-~]*[\w)][_./:@=#*][\w/][!-~]*/g,
  /\/[\w.]+/g,
  /\b(?:X-[\w-]+|Retry-After)\b/g,
  /--[\w-]+/g,
  /默认值：\S+/g,
  /\b(?:proxy-)?(?:route-chat-completions|resolve-route)\b/g,
  /[\w-]*\d[\w-]*/g,
];

function words(text) {
  return new Set(text.toLowerCase().split(/\s+/));
}

/// English words of a text; `names` are those of the installation.
export function english(text, names) {
  const said = DATA.reduce((rest, form) => rest.replaceAll(form, " "), text.replaceAll(OF_HOSTS, " "));
  const found = said.match(/[A-Za-z][A-Za-z'’]*/g) ?? [];
  return found.filter((word) => ![TERMS, BROWSER, names].some((known) => known.has(word.toLowerCase())));
}

/// Chinese characters and punctuation of a text.
export function chinese(text) {
  return text.match(/[\u3000-\u303f\u3400-\u9fff\uff00-\uffef]+/g) ?? [];
}

/// What of a text is not in this language.
export const foreign = { zh: english, en: chinese };

/// Runs in the page: every text that shows, and what stands in attributes that are shown, read out or put on the page by
/// scripts. Code and what is marked as of another language are left out, but not explanations, which are code to copy them.
export function read() {
  const attributes = ["title", "aria-label", "placeholder", "alt", "data-copied", "data-offline", "data-user", "data-assistant",
    "data-reasoning", "data-waiting", "data-streaming", "data-done", "data-stopped", "data-broken", "data-failed", "data-name"];
  const data = "script, style, code, textarea, .id, pre:not(#explain-text, #customer-text, #told-text)";
  const own = document.documentElement.lang;
  const is_said = (element) => !element.closest(data) && (element.closest("[lang]") ?? document.documentElement).lang === own;
  const found = [document.title];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  for (let node = walker.nextNode(); node; node = walker.nextNode()) {
    // What stands where there are no scripts is text here, tags and all.
    if (is_said(node.parentElement)) found.push(node.data.replaceAll(/<[^>]*>/g, " "));
  }
  for (const name of attributes) {
    for (const element of document.querySelectorAll(`[${name}]`)) found.push(element.getAttribute(name));
  }
  return found.map((text) => text.trim().replaceAll(/[ \t]+/g, " ")).filter(Boolean);
}
