//! Looking at a service that is dead: one that takes a connection and never answers, and one whose answer never ends.

use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::time::Duration;

use crate::environment::{TestEnvironment, assert_says};

/// How a service is dead.
#[derive(Debug, Clone, Copy)]
enum Death {
    /// It takes connections and says nothing.
    Silence,
    /// It sends a byte now and then, for ever.
    Dripping,
}

/// A service that is dead. It ends with the process.
fn dead(death: Death) -> String {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for stream in listener.incoming().filter_map(Result::ok) {
            std::thread::spawn(move || drop(die(stream, death)));
        }
    });
    url
}

fn die(mut stream: TcpStream, death: Death) -> std::io::Result<()> {
    let mut asked = [0; 4096];
    let _length = stream.read(&mut asked)?;
    if matches!(death, Death::Dripping) {
        stream.write_all(
            b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 100000\r\n\r\n",
        )?;
    }
    loop {
        std::thread::sleep(Duration::from_millis(50));
        if matches!(death, Death::Dripping) {
            stream.write_all(b" ")?;
        }
    }
}

const SHOP: &str = r#"
apiVersion: raccord/v1
kind: Project
metadata: {name: crm}
spec: {entities: {contact: {key: id, fields: {id: text}}}}
---
apiVersion: raccord/v1
kind: Source
metadata: {name: shop}
spec: {connector: http, authorization: {type: none}, config: {baseUrl: "URL", dataTypes: {people: {}}}}
---
apiVersion: raccord/v1
kind: Source
metadata: {name: hub}
spec: {connector: ./hub.yaml, config: {url: "URL"}}
---
apiVersion: raccord/v1
kind: Transfer
metadata: {name: people}
spec: {source: shop, to: crm.contact, active: false, mapping: {primaryKey: {id: id}}}
"#;

const HUB: &str = "type: DeclarativeSource
check: {type: CheckStream, stream_names: [people]}
streams:
  - type: DeclarativeStream
    name: people
    retriever:
      type: SimpleRetriever
      requester: {type: HttpRequester, url_base: \"{{ config['url'] }}\", path: /people}
      record_selector: {type: RecordSelector, extractor: {type: DpathExtractor, field_path: [data]}}
spec:
  type: Spec
  connection_specification: {type: object, properties: {url: {type: string}}}
";

#[test]
fn a_look_at_a_dead_service_ends() {
    for death in [Death::Silence, Death::Dripping] {
        let url = dead(death);
        let environment =
            TestEnvironment::with(&[("raccord.yaml", &SHOP.replace("URL", &url)), ("hub.yaml", HUB)]);
        environment.write("hub.json", &format!("{{\"url\": \"{url}\"}}"));
        for command in ["read shop people", "read hub people", "preview people"] {
            let said = environment.fails(1, &format!("{command} --timeout 1s"));
            assert_says(
                &said,
                &["did not answer", "no record of `people` came within 1s", "--timeout waits longer"],
            );
        }
        let said = environment.fails(1, "connector read hub.yaml people --config hub.json --timeout 1s");
        assert_says(&said, &["no record of `people` came within 1s", "--timeout waits longer", "--trace"]);
    }
}
