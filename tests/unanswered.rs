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

const TWO_STORES: &str = r#"
apiVersion: raccord/v1
kind: Project
metadata: {name: crm}
spec:
  store:
    type: postgres
    authorization: {type: database, url: "${env:FIRST_URL}", tls: {mode: disable}}
    schema: crm
  entities: {contact: {key: id, fields: {id: text}}}
---
apiVersion: raccord/v1
kind: Project
metadata: {name: erp}
spec:
  store:
    type: postgres
    authorization: {type: database, url: "${env:SECOND_URL}", tls: {mode: disable}}
    schema: erp
  entities: {order: {key: id, fields: {id: text}}}
---
apiVersion: raccord/v1
kind: Source
metadata: {name: shop}
spec: {connector: file, config: {dataTypes: {people: {path: people.csv}, orders: {path: orders.csv}}}}
---
apiVersion: raccord/v1
kind: Transfer
metadata: {name: people}
spec: {source: shop, to: crm.contact, active: false, mapping: {primaryKey: {id: id}}}
---
apiVersion: raccord/v1
kind: Transfer
metadata: {name: orders}
spec: {source: shop, to: erp.order, active: false, mapping: {primaryKey: {id: id}}}
"#;

/// What PostgreSQL says to a client whose password is wrong: it is not asked again.
const DENIED: &[u8] = b"E\x00\x00\x00\x23SFATAL\x00C28P01\x00Mwrong password\x00\x00";

/// Two databases, neither of which answers before both are asked.
fn that_wait_for_each_other() -> [String; 2] {
    let listeners = [(); 2].map(|()| TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap());
    let url = |listener: &TcpListener| format!("postgres://crm@{}/crm", listener.local_addr().unwrap());
    let urls = [url(&listeners[0]), url(&listeners[1])];
    std::thread::spawn(move || {
        loop {
            let asked = [&listeners[0], &listeners[1]].map(|listener| listener.accept().unwrap().0);
            for mut stream in asked {
                let _length = stream.read(&mut [0; 4096]).unwrap();
                stream.write_all(DENIED).unwrap();
            }
        }
    });
    urls
}

#[test]
fn stores_are_asked_at_the_same_time() {
    let [first, second] = that_wait_for_each_other();
    let environment = TestEnvironment::with(&[("raccord.yaml", TWO_STORES)])
        .variable("FIRST_URL", "postgres://crm@127.0.0.1:9/crm")
        .variable("SECOND_URL", "postgres://crm@127.0.0.1:9/crm");
    environment.ok("apply --auto-approve");
    let environment = environment.variable("FIRST_URL", &first).variable("SECOND_URL", &second);
    for command in ["status", "plan"] {
        let said = environment.run(command);
        let said = format!("{}{}", said.stdout, said.stderr);
        assert_says(&said, &["wrong password"]);
        assert!(!said.contains("has not answered"), "{command}: {said}");
    }
}
