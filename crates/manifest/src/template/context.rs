//! What a template sees: variables by name, the clock, and a source of randomness. It is cheap to extend and to copy,
//! and converts nothing.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use serde_json::{Map, Value as Member};

use super::value::{Slice, Value};
use crate::Json;

/// The variables of a template. Cloning it shares their values.
#[derive(Clone, Default)]
pub struct Context {
    variables: Vec<(Arc<str>, Variable)>,
    now: Option<jiff::Timestamp>,
    random: Arc<AtomicU64>,
}

#[derive(Clone)]
enum Variable {
    Plain(Json),
    Slice(Arc<Parts>),
}

/// A slice of a stream as a whole, and its parts.
struct Parts {
    all: Map<String, Member>,
    partition: Json,
    cursor_slice: Json,
    extra_fields: Json,
}

impl fmt::Debug for Context {
    /// Names alone: the values may be secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.variables.iter().map(|(name, _)| name)).finish()
    }
}

impl Context {
    /// A context that knows the `config` alone.
    pub fn new(config: &Json) -> Self {
        Self::default().with("config", config)
    }

    /// The same at another time. Without one, a template that asks for the time has no value.
    #[must_use]
    pub fn at(&self, now: jiff::Timestamp) -> Self {
        Self { now: Some(now), ..self.clone() }
    }

    /// The same with a seed from which `generate_uuid()` is made; each call in it and its copies continues from it.
    #[must_use]
    pub fn seeded(&self, seed: u64) -> Self {
        Self { random: Arc::new(AtomicU64::new(seed)), ..self.clone() }
    }

    /// The same with one more variable (`stream_partition`, `stream_interval`, `stream_slice`, `next_page_token`,
    /// `response`, `headers`, `record`, `last_record`, `last_page_size`), or another value of one. `stream_slice` is
    /// known as `stream_interval` and `stream_partition`, too, where these are not given.
    #[must_use]
    pub fn with(&self, name: &str, value: &Json) -> Self {
        self.having(name, Variable::Plain(value.clone()))
    }

    /// The same with a slice of a stream, in parts: `stream_slice` is the partition and the cursor's slice together, and
    /// has `partition`, `cursor_slice` and `extra_fields`; the extra fields are variables, too, as in the reference's
    /// requests.
    #[must_use]
    pub fn with_slice(&self, partition: &Json, cursor_slice: &Json, extra_fields: &Json) -> Self {
        let mut all = Map::new();
        for part in [partition, cursor_slice] {
            all.extend(
                part.as_object().into_iter().flatten().map(|(name, value)| (name.clone(), value.clone())),
            );
        }
        let parts = Parts {
            all,
            partition: partition.clone(),
            cursor_slice: cursor_slice.clone(),
            extra_fields: extra_fields.clone(),
        };
        let mut context = self.having("stream_slice", Variable::Slice(Arc::new(parts)));
        for (name, value) in extra_fields.as_object().into_iter().flatten() {
            context = context.with(name, &Arc::new(value.clone()));
        }
        context
    }

    fn having(&self, name: &str, variable: Variable) -> Self {
        let mut context = self.clone();
        match context.variables.iter_mut().find(|(known, _)| **known == *name) {
            Some((_, known)) => *known = variable,
            None => context.variables.push((name.into(), variable)),
        }
        context
    }

    /// The time that templates see.
    pub fn now(&self) -> Option<jiff::Timestamp> {
        self.now
    }

    /// A variable as JSON; none where there is none of this name.
    pub(crate) fn json(&self, name: &str) -> Option<Json> {
        match self.variables.iter().find(|(known, _)| **known == *name)? {
            (_, Variable::Plain(json)) => Some(json.clone()),
            (_, Variable::Slice(parts)) => Some(Arc::new(Member::Object(parts.all.clone()))),
        }
    }

    /// A variable's value; none where there is none of this name.
    pub(super) fn get(&self, name: &str) -> Option<Value<'_>> {
        let find = |name: &str| self.variables.iter().find(|(known, _)| **known == *name);
        let alias =
            || matches!(name, "stream_interval" | "stream_partition").then(|| find("stream_slice")).flatten();
        let (_, variable) = find(name).or_else(alias)?;
        Some(match variable {
            Variable::Plain(json) => Value::from(json.as_ref()),
            Variable::Slice(parts) => Value::Slice(Slice {
                all: &parts.all,
                partition: &parts.partition,
                cursor: &parts.cursor_slice,
                extra_fields: &parts.extra_fields,
            }),
        })
    }

    /// The next number out of the seed.
    pub(super) fn next_random(&self) -> u64 {
        // SplitMix64.
        const STEP: u64 = 0x9E37_79B9_7F4A_7C15;
        let state = self.random.fetch_add(STEP, Ordering::Relaxed).wrapping_add(STEP);
        let mixed = (state ^ (state >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }
}
