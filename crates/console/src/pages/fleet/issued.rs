//! A secret that is shown once, with what a consumer pastes into their client.

use relay_domain::Timestamp;

use crate::cell::Cell;
use crate::kit::{Action, Part, Sheet};
use crate::query::path;
use crate::shell::Section;
use crate::state::Console;
use crate::visit::Visit;
use crate::words::words;

words! {
    IssuedWords {
        title => "Secret of key" / "key 的密钥";
        back => "Consumer keys" / "使用方 key";
        key => "Secret" / "密钥";
        once => "It is shown this once: only its hash is kept. Hand it to the consumer now." / "密钥只显示这一次，系统只保存其哈希值，请立即交给使用方。";
        until => "The secret before it is good until" / "旧密钥有效至";
        done => "To the key" / "查看 key";
        curl => "curl" / "curl 命令";
        python => "Python, package openai" / "Python（openai 包）";
        node => "Node.js, package openai" / "Node.js（openai 包）";
        claude => "Claude Code" / "Claude Code 配置";
        codex => "Codex: ~/.codex/config.toml, and OPENAI_API_KEY" / "Codex：~/.codex/config.toml 与 OPENAI_API_KEY";
        address_hint => "The address is the gateway's own; behind a proxy write the name that your consumers use." / "地址为网关的监听地址；如果前面有反向代理，请改为使用方访问的域名。";
    }
}

/// A secret that was made.
pub(crate) struct Issued {
    pub(crate) key_id: String,
    pub(crate) key: String,
    /// Until when the one before it is good.
    pub(crate) until: Option<String>,
}

/// The page with the secret, and the models that the key may call.
pub(crate) fn issued(visit: &Visit, console: &Console, made: Issued) -> Sheet {
    let snapshot = console.control.snapshot();
    let groups = snapshot.key_by_id(&made.key_id).map(|key| key.groups.clone()).unwrap_or_default();
    let model = snapshot.models_of(&groups).first().map_or("MODEL", |model| *model).to_owned();
    sheet(visit, &console.gateway, &model, made)
}

fn sheet(visit: &Visit, gateway: &str, model: &str, made: Issued) -> Sheet {
    let t = IssuedWords(visit.preferences.language);
    let Issued { key_id, key, until } = made;
    let until = until.and_then(|until| until.parse::<Timestamp>().ok());
    let facts = until.map(|until| (t.until(), Cell::when(visit, until)));
    let snippet = |title, id, text: String| Part::new(title).code(id, text);
    Sheet {
        shell: visit.shell(Section::Keys),
        noun: t.title(),
        name: key_id.clone(),
        badges: Vec::new(),
        back: Some(("/keys", t.back())),
        actions: vec![Action::new(path("/keys", &key_id), t.done()).primary()],
        parts: vec![
            Part::new(t.key()).hint(t.once()).facts(facts.into_iter().collect()).code("secret", key.clone()),
            snippet(t.curl(), "curl", curl(gateway, model, &key)).hint(t.address_hint()),
            snippet(t.python(), "python", python(gateway, model, &key)),
            snippet(t.node(), "node", node(gateway, model, &key)),
            snippet(t.claude(), "claude", claude(gateway, &key)),
            snippet(t.codex(), "codex", codex(gateway, model, &key)),
        ],
    }
}

/// As a string of JSON, Python, JavaScript and TOML alike: models and addresses come from outside.
fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// As one word of a shell.
fn word(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

pub(crate) fn curl(gateway: &str, model: &str, key: &str) -> String {
    let body = format!(r#"{{"model":{},"messages":[{{"role":"user","content":"Hello"}}]}}"#, quoted(model));
    let (url, bearer) =
        (word(&format!("{gateway}/v1/chat/completions")), word(&format!("Authorization: Bearer {key}")));
    format!("curl {url} \\\n  -H {bearer} \\\n  -H 'Content-Type: application/json' \\\n  -d {}\n", word(&body))
}

fn python(gateway: &str, model: &str, key: &str) -> String {
    let (base, model, key) = (quoted(&format!("{gateway}/v1")), quoted(model), quoted(key));
    format!(
        "from openai import OpenAI\n\nclient = OpenAI(base_url={base}, api_key={key})\nstream = client.chat.completions.create(\n    \
         model={model},\n    messages=[{{\"role\": \"user\", \"content\": \"Hello\"}}],\n    stream=True,\n)\nfor chunk in stream:\n    \
         if chunk.choices:\n        print(chunk.choices[0].delta.content or \"\", end=\"\")\n"
    )
}

fn node(gateway: &str, model: &str, key: &str) -> String {
    let (base, model, key) = (quoted(&format!("{gateway}/v1")), quoted(model), quoted(key));
    format!(
        "import OpenAI from \"openai\";\n\nconst client = new OpenAI({{ baseURL: {base}, apiKey: {key} }});\nconst stream = await client.chat.completions.create({{\n  \
         model: {model},\n  messages: [{{ role: \"user\", content: \"Hello\" }}],\n  stream: true,\n}});\nfor await (const chunk of stream) {{\n  \
         process.stdout.write(chunk.choices[0]?.delta?.content ?? \"\");\n}}\n"
    )
}

fn claude(gateway: &str, key: &str) -> String {
    format!("export ANTHROPIC_BASE_URL={}\nexport ANTHROPIC_AUTH_TOKEN={}\nclaude\n", word(gateway), word(key))
}

fn codex(gateway: &str, model: &str, key: &str) -> String {
    format!(
        "model = {}\nmodel_provider = \"relay\"\n\n[model_providers.relay]\nname = \"Relay Manager\"\nbase_url = {}\nenv_key = \"OPENAI_API_KEY\"\n\
         wire_api = \"responses\"\n\n# export OPENAI_API_KEY={}\n",
        quoted(model),
        quoted(&format!("{gateway}/v1")),
        word(key)
    )
}

#[cfg(test)]
pub(crate) fn sample(language: crate::words::Language) -> Sheet {
    use crate::pages::rendering::{HOSTILE, visit};
    let until = Some("2026-11-27T00:00:00Z".to_owned());
    sheet(
        &visit(language),
        "http://127.0.0.1:8787",
        HOSTILE,
        Issued { key_id: HOSTILE.into(), key: HOSTILE.into(), until },
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_pasted_stays_one_word_whatever_a_model_is_called() {
        assert_eq!(word("it's"), r"'it'\''s'");
        let curl = curl("http://127.0.0.1:8787", "a'b\"c", "sk-1");
        assert!(curl.contains(r#"-d '{"model":"a'\''b\"c","#), "{curl}");
        assert!(python("http://g", "a\"b", "k").contains(r#"model="a\"b""#));
    }
}
