//! Mistakes in the input, as data: what is wrong, where, and what to do.
//!
//! The loader and the compiler produce them, all at once; only the CLI renders them. A message never
//! repeats the text of a secret field.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Nothing is applied.
    Error,
    /// Worth a look; nothing is stopped by it.
    Warning,
}

macro_rules! codes {
    ($($variant:ident $text:literal $summary:literal,)*) => {
        /// What sort of mistake it is. The text form is stable: people search for it.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
        pub enum Code {
            $(#[doc = $summary] #[serde(rename = $text)] $variant,)*
        }
        impl Code {
            /// Every code.
            pub const ALL: &'static [Self] = &[$(Self::$variant),*];
            /// The stable text form.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text),* }
            }
            /// One sentence for the documentation.
            pub const fn summary(self) -> &'static str {
                match self { $(Self::$variant => $summary),* }
            }
        }
    };
}

codes! {
    Unreadable "unreadable" "A file or directory that was named cannot be read.",
    NotUtf8 "not-utf8" "A file is not UTF-8 text.",
    TooLarge "too-large" "A file or document passes a stated limit: size, nesting, nodes after aliases are expanded.",
    NoDocuments "no-documents" "No document of Raccord was found; nothing can be concluded from that.",
    AmbiguousRoot "ambiguous-root" "A path is relative to the root of the configuration, and several directories may be that.",
    YamlSyntax "yaml-syntax" "The text is not YAML.",
    DuplicateKey "duplicate-key" "A key stands twice in one map.",
    ForeignDocument "foreign-document" "A document of another tool was passed over.",
    ApiVersion "api-version" "The apiVersion is missing or is not one this version reads.",
    UnknownKind "unknown-kind" "The kind is missing or is not one of the nine.",
    UnknownField "unknown-field" "A field does not exist here.",
    MissingField "missing-field" "A required field is missing.",
    WrongType "wrong-type" "A value has the wrong type.",
    InvalidValue "invalid-value" "A value of the right type is not one that is allowed here.",
    ConflictingFields "conflicting-fields" "Fields stand together that exclude each other, or one is missing beside another.",
    UnsetVariable "unset-variable" "A variable has no value, or is given one that no document asks for.",
    PlainSecret "plain-secret" "A secret field holds something else than a reference.",
    MisplacedReference "misplaced-reference" "A reference to a secret stands in a field that is not secret.",
    DuplicateResource "duplicate-resource" "Two documents have the same kind and name.",
    DanglingReference "dangling-reference" "Something is referred to that no document defines.",
    UnknownConnector "unknown-connector" "The connector is not in the catalogue.",
    NotLocked "not-locked" "Which text of a connector is meant is not locked, or the text that is locked is missing or changed.",
    UnknownDataType "unknown-data-type" "The source does not have this data type.",
    InvalidKey "invalid-key" "An entity's key names a field that does not exist or whose type cannot be a key.",
    InvalidRename "invalid-rename" "A rename contradicts what else is there.",
    NotReady "not-ready" "Something is active before everything it needs is there.",
    IncompleteKey "incomplete-key" "The primary key of a mapping does not cover the entity's key exactly.",
    RequiredField "required-field" "A required field is neither fed nor defaulted.",
    UnknownEntityField "unknown-entity-field" "A mapping feeds a field that the entity does not have.",
    IncompatibleType "incompatible-type" "A mapping can never produce the type of its field.",
    Unquoted "unquoted" "A value of a text stands without quotes and is read as a number or a boolean in another spelling.",
    InvalidExpression "invalid-expression" "An expression cannot be evaluated.",
    InvalidTransform "invalid-transform" "A transform cannot be compiled.",
    TwoOwners "two-owners" "Two transfers that own rows feed the same field of one entity, or one deletes rows in which the other has values.",
    SelfParent "parent-cycle" "Data types are parents of each other in a circle.",
    NoEffect "no-effect" "Something is asked for that can never happen.",
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A place in a text. Lines and columns count from 1, columns in characters.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub struct Place {
    /// The file as it was named or found; `-` is standard input.
    pub file: String,
    /// The line.
    pub line: usize,
    /// The column of the first character.
    pub column: usize,
    /// How many characters are meant, at least one.
    pub length: usize,
    /// The text of the line, cut to a printable length.
    pub text: String,
}

/// One mistake.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub struct Diagnostic {
    /// Where, when it has a place in a text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub place: Option<Place>,
    /// Error or warning.
    pub severity: Severity,
    /// What sort.
    pub code: Code,
    /// What is wrong, one sentence without a full stop.
    pub message: String,
    /// The path of the value inside its document: `spec.mapping.fields.email`.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub path: String,
    /// What to do about it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub help: Option<String>,
}

impl Diagnostic {
    /// One line without its help: `people.yaml:3:5: what is wrong`.
    ///
    /// ```
    /// use raccord_model::diagnostic::{Code, Diagnostic, Place, Severity};
    ///
    /// let place = Place {
    ///     file: "people.yaml".to_owned(),
    ///     line: 3,
    ///     column: 5,
    ///     length: 4,
    ///     text: "    nmae: people".to_owned(),
    /// };
    /// let diagnostic = Diagnostic {
    ///     place: Some(place),
    ///     severity: Severity::Error,
    ///     code: Code::UnknownField,
    ///     message: "`nmae` does not exist here".to_owned(),
    ///     path: "metadata.nmae".to_owned(),
    ///     help: Some("did you mean `name`?".to_owned()),
    /// };
    /// assert_eq!(diagnostic.in_one_line(), "people.yaml:3:5: `nmae` does not exist here");
    /// assert_eq!(diagnostic.code.as_str(), "unknown-field");
    /// ```
    pub fn in_one_line(&self) -> String {
        let place = self.place.as_ref();
        let place = place.map(|place| format!("{}:{}:{}: ", place.file, place.line, place.column));
        format!("{}{}", place.unwrap_or_default(), self.message)
    }
}

/// A mistake found below the level of files: the place is a path inside one document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// The path inside the document, one member or index a segment.
    pub path: Vec<String>,
    /// Error or warning.
    pub severity: Severity,
    /// What sort.
    pub code: Code,
    /// What is wrong.
    pub message: String,
    /// What to do about it.
    pub help: Option<String>,
    /// Whether the last member's name is meant, not its value.
    pub is_about_name: bool,
    /// Where in the value, when that is a text of several words or lines and only a part of it is meant.
    pub within: Option<TextPlace>,
}

/// A place inside a text. Line and column count from 1, columns in characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TextPlace {
    /// The line.
    pub line: u32,
    /// The column of the first character.
    pub column: u32,
    /// How many characters are meant, at least one.
    pub length: u32,
}

impl Finding {
    /// An error at a path.
    pub fn error<S: AsRef<str>>(path: &[S], code: Code, message: impl Into<String>) -> Self {
        Self {
            path: path.iter().map(|segment| segment.as_ref().to_owned()).collect(),
            severity: Severity::Error,
            code,
            message: message.into(),
            help: None,
            is_about_name: false,
            within: None,
        }
    }

    /// A warning at a path.
    pub fn warning<S: AsRef<str>>(path: &[S], code: Code, message: impl Into<String>) -> Self {
        Self { severity: Severity::Warning, ..Self::error(path, code, message) }
    }

    /// The same with advice.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// The same with advice, when there is any.
    #[must_use]
    pub fn help_with(self, help: Option<String>) -> Self {
        Self { help, ..self }
    }

    /// The same, about a part of the value's text.
    #[must_use]
    pub fn within(mut self, place: TextPlace) -> Self {
        self.within = Some(place);
        self
    }

    /// The same, about the name of the path's last member rather than its value.
    #[must_use]
    pub fn about_name(mut self) -> Self {
        self.is_about_name = true;
        self
    }

    /// The same, its path continued from an outer one.
    #[must_use]
    pub fn under<S: AsRef<str>>(mut self, outer: &[S]) -> Self {
        let outer = outer.iter().map(|segment| segment.as_ref().to_owned());
        self.path = outer.chain(self.path).collect();
        self
    }
}
