//! Links (OpenAPI's): what is made or listed by one operation is named to others. Made of the paths, so that a new noun has
//! them too: `POST /hosts` and `GET /hosts` lead to everything at `/hosts/{host_id}`.

use serde_json::{Map, Value, json};

/// Adds links to every collection whose entries have a path of their own.
pub(super) fn add(document: &mut Value) {
    let Some(paths) = document["paths"].as_object() else { return };
    let mut links = Vec::new();
    for (path, operations) in paths {
        // What is below an entry, such as `/hosts/{host_id}/probe`, takes its name alike.
        let Some((collection, rest)) = path.split_once("/{") else { continue };
        let Some((parameter, below)) = rest.split_once('}') else { continue };
        if below.contains('{') {
            continue;
        }
        for operation in operations.as_object().into_iter().flat_map(Map::values) {
            let Some(id) = operation["operationId"].as_str() else { continue };
            for (method, status, place) in [("post", "201", "#"), ("get", "200", "#/items/0")] {
                let response = json_of(document, collection, method, status);
                let Some(field) = response.and_then(|schema| field(document, schema, parameter, method == "get"))
                else {
                    continue;
                };
                let expression = format!("$response.body{place}/{field}");
                let link = json!({ "operationId": id, "parameters": { parameter: expression } });
                links.push((collection.to_owned(), method, status, id.to_owned(), link));
            }
        }
    }
    for (collection, method, status, name, link) in links {
        document["paths"][&collection][method]["responses"][status]["links"][name] = link;
    }
}

fn json_of<'d>(document: &'d Value, path: &str, method: &str, status: &str) -> Option<&'d Value> {
    document["paths"].get(path)?.get(method)?["responses"].get(status)?.pointer("/content/application~1json/schema")
}

/// The member of an entry that the parameter is: it has its name, or is called `id`.
fn field(document: &Value, schema: &Value, parameter: &str, is_list: bool) -> Option<String> {
    let mut entry = resolved(document, schema);
    if is_list {
        entry = resolved(document, entry.pointer("/properties/items/items")?);
    }
    [parameter, "id"].into_iter().find(|name| entry["properties"].get(name).is_some()).map(str::to_owned)
}

fn resolved<'d>(document: &'d Value, schema: &'d Value) -> &'d Value {
    let referred = schema["$ref"].as_str().and_then(|path| document.pointer(path.trim_start_matches('#')));
    referred.unwrap_or(schema)
}
