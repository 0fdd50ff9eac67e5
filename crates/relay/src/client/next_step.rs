//! What to do about a refusal of the admin API. The server says what is wrong to callers of every kind; which command shows
//! what there is, or makes a token that may, only the commands know.

/// How a message about what is not there begins, and what to do then.
const ABSENT: [(&str, &str); 11] = [
    ("there is no host ", "`relay-manager host list` shows what there is"),
    ("there is no enabled sub2api host ", "`relay-manager host list` shows what there is"),
    ("there is no group ", "`relay-manager group list` shows what there is"),
    ("there is no route ", "`relay-manager route list` shows what there is"),
    ("there is no key ", "`relay-manager key list` shows what there is"),
    ("there is no token ", "`relay-manager token list` shows what there is"),
    ("there is no generation ", "`relay-manager generations list` shows what there is"),
    ("there is no notification channel ", "`relay-manager notify channel list` shows what there is"),
    ("there is no binding ", "it may have expired; `relay-manager bindings list` shows what there is"),
    ("there is no access ", "`relay-manager access show` shows what there is"),
    ("there is no decision ", "ids are the X-Request-ID of answers, and `relay-manager decisions` lists the latest"),
];

/// The next step, where the message itself names none. By the code of the error and not by a status: where an answer had begun
/// before there was an error, the status says nothing.
pub(super) fn of(code: &str, message: &str) -> Option<String> {
    match code {
        "not_found" if message.contains(" route for model ") => {
            Some("`relay-manager route list` shows which models each group has".to_owned())
        }
        "not_found" if message.starts_with("there is nothing at ") => {
            Some("the server may be of another version than this command: compare `relay-manager --version`".to_owned())
        }
        "not_found" => {
            let known = ABSENT.iter().find(|(beginning, _)| message.starts_with(beginning));
            known.map(|(_, step)| (*step).to_owned())
        }
        "forbidden" => Some(another_token(message)),
        _ => None,
    }
}

fn another_token(message: &str) -> String {
    let needed = message.strip_prefix("this needs the role ").and_then(|rest| rest.split(',').next());
    match needed {
        Some(role) => format!(
            "an admin makes such a token with `relay-manager token create <label> --role {role}`; \
             pass it as RELAY_MANAGER_ADMIN_TOKEN or --token"
        ),
        None => "`relay-manager token whoami` shows the role of the token".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_beginning_leads_to_its_own_list() {
        for (beginning, step) in ABSENT {
            let message = format!("{beginning}\"nix\"");
            assert_eq!(of("not_found", &message).as_deref(), Some(step), "{message}");
            assert_eq!(of("invalid_request", &message), None, "only what is not there is listed");
        }
    }

    #[test]
    fn a_refused_role_is_named_in_the_command_that_makes_its_token() {
        let step = of("forbidden", "this needs the role operator, and the token has viewer").unwrap();
        assert!(step.contains("--role operator`"), "{step}");
        assert!(of("forbidden", "no").unwrap().contains("token whoami"));
    }
}
