//! From the language to a program. Every mistake is found; a program comes out only when there is none.

use jiff::tz::TimeZone;
use raccord_model::Ident;
use raccord_model::diagnostic::{Code, Finding, Severity};
use raccord_model::field_path::{FieldPath, Step};
use raccord_model::language::{Field, MappedField};

use super::convert::{convert, shown};
use super::program::{Assignment, Input, Program};
use super::{Task, check, transform};
use crate::expression::Expression;
use crate::scalar::Scalar;

/// The first step of a path that leads into the parent record.
const PARENT: &str = "parent";

/// Compiles a mapping. The paths of the findings are relative to the mapping.
pub fn compile(task: &Task<'_>) -> (Option<Program>, Vec<Finding>) {
    let mut compiler = Compiler { task, findings: Vec::new(), paths: Vec::new(), parent_paths: Vec::new() };
    check::primary_key(task, &mut compiler.findings);
    check::fields(task, &mut compiler.findings);
    let mut assignments = compiler.assignments();
    assignments.sort_by_key(|assignment| assignment.id);
    let key_order = task
        .entity
        .key
        .0
        .iter()
        .filter_map(|name| assignments.iter().position(|assignment| assignment.name == *name))
        .collect();
    let deleted = task.deleted.map(|path| compiler.slot(path));
    let version = task.version.map(|path| compiler.slot(path));
    let cursor = task.cursor.iter().map(|path| compiler.slot(path)).collect();
    let Compiler { findings, paths, parent_paths, .. } = compiler;
    if findings.iter().any(|finding| finding.severity == Severity::Error) {
        return (None, findings);
    }
    let defaults = default_values(task, &assignments);
    let all_defaults = default_values(task, &[]);
    let program = Program::new(paths, &parent_paths, assignments, key_order)
        .with_marks(deleted, version, cursor)
        .with_defaults(&defaults)
        .with_partial_defaults(&all_defaults);
    (Some(program), findings)
}

struct Compiler<'t> {
    task: &'t Task<'t>,
    findings: Vec<Finding>,
    paths: Vec<FieldPath>,
    parent_paths: Vec<FieldPath>,
}

impl Compiler<'_> {
    fn assignments(&mut self) -> Vec<Assignment> {
        let mapping = self.task.mapping;
        let key = mapping.primary_key.iter().map(|(name, mapped)| ("primaryKey", name, mapped));
        let fields = mapping.fields.iter().map(|(name, mapped)| ("fields", name, mapped));
        key.chain(fields).filter_map(|(group, name, mapped)| self.assignment(group, name, mapped)).collect()
    }

    fn assignment(&mut self, group: &str, name: &Ident, mapped: &MappedField) -> Option<Assignment> {
        let path = [group, name.as_str()];
        let field = self.task.entity.fields.get(name)?;
        let (transforms, shape) = transform::compile(&mapped.transform, &path, &mut self.findings);
        check::assignment(mapped, field, &path, shape, &mut self.findings);
        let zone = mapped.timezone.as_deref().and_then(|name| TimeZone::get(name).ok());
        if mapped.constant.is_some() && mapped.transform.is_empty() {
            self.check_constant(mapped, field, &path, zone.as_ref());
        }
        let input = self.input(mapped, &path)?;
        Some(Assignment {
            name: name.clone(),
            id: self.task.layout.id(name.as_str())?,
            input,
            transforms,
            field: field.clone(),
            zone,
            on_empty: mapped.on_empty,
            on_missing: mapped.on_missing,
            is_key: self.task.entity.key.0.contains(name),
            required: field.required && self.task.mode == raccord_model::language::Mode::Own,
            default: default_scalar(field),
        })
    }

    fn check_constant(
        &mut self,
        mapped: &MappedField,
        field: &Field,
        path: &[&str],
        zone: Option<&TimeZone>,
    ) {
        let Some(constant) = &mapped.constant else { return };
        let value = Scalar::from_value(constant);
        if let Err(error) = convert(value.clone(), field, zone) {
            let place: Vec<&str> = path.iter().copied().chain(["const"]).collect();
            let message = format!("the value {} {error}", shown(&value));
            self.findings.push(Finding::error(&place, Code::IncompatibleType, message));
        }
    }

    fn input(&mut self, mapped: &MappedField, path: &[&str]) -> Option<Input> {
        if let Some(constant) = &mapped.constant {
            return Some(Input::Constant(Scalar::from_value(constant)));
        }
        if let Some(from) = &mapped.from {
            return Some(self.slot(from));
        }
        let source = mapped.expr.as_ref()?;
        let place: Vec<&str> = path.iter().copied().chain(["expr"]).collect();
        match Expression::compile(source, self.task.all_texts) {
            Ok(expression) => {
                for doubt in &expression.doubts {
                    let message = format!("{doubt}; every record will be rejected");
                    self.findings.push(
                        Finding::warning(&place, Code::InvalidExpression, message).help(
                            "every cell of a CSV is a text: total|decimal * 2, net|decimal + tax|decimal",
                        ),
                    );
                }
                let inputs = expression
                    .names
                    .iter()
                    .map(|name| {
                        if name.in_parent {
                            self.parent_slot(name.path.clone())
                        } else {
                            self.slot(&name.path)
                        }
                    })
                    .collect();
                Some(Input::Expression(Box::new(expression), inputs))
            }
            Err(error) => {
                self.findings.push(match without_braces(source) {
                    Some(bare) => {
                        let message = "an expression stands here without `{{ }}`";
                        let help = format!("write expr: \"{bare}\"");
                        Finding::error(&place, Code::InvalidExpression, message).help(help)
                    }
                    None => Finding::error(&place, Code::InvalidExpression, error.to_string()).help(
                        "expressions are minijinja: first_name ~ ' ' ~ last_name, email | lower, tags | join(', ')",
                    ),
                });
                None
            }
        }
    }

    /// The input behind a path: of the record, or of its parent when the path begins with `parent`.
    fn slot(&mut self, path: &FieldPath) -> Input {
        if let [Step::Member(first), rest @ ..] = path.0.as_slice()
            && first == PARENT
            && !rest.is_empty()
        {
            return self.parent_slot(FieldPath(rest.to_vec()));
        }
        Input::Slot(intern(&mut self.paths, path.clone()))
    }

    fn parent_slot(&mut self, path: FieldPath) -> Input {
        Input::Parent(intern(&mut self.parent_paths, path))
    }
}

fn intern(paths: &mut Vec<FieldPath>, path: FieldPath) -> usize {
    if let Some(slot) = paths.iter().position(|known| *known == path) {
        return slot;
    }
    paths.push(path);
    paths.len() - 1
}

fn default_scalar(field: &Field) -> Option<Scalar<'static>> {
    field.default.as_ref().map(Scalar::from_value)
}

/// The defaults of the fields that the mapping does not feed, or not always, by id: the base of a created row.
fn default_values(task: &Task<'_>, fed: &[Assignment]) -> Vec<(u32, Field, Scalar<'static>)> {
    let mut defaults: Vec<_> = task
        .entity
        .fields
        .iter()
        .filter(|(name, _)| !fed.iter().any(|assignment| assignment.name == **name && !assignment.may_keep()))
        .filter_map(|(name, field)| {
            Some((task.layout.id(name.as_str())?, field.clone(), default_scalar(field)?))
        })
        .collect();
    defaults.sort_by_key(|(id, ..)| *id);
    defaults
}

/// The expression that was meant by a template: `{{ a }} {{ b }}` is `a ~ ' ' ~ b`.
fn without_braces(template: &str) -> Option<String> {
    let mut parts = Vec::new();
    let mut rest = template.trim();
    while let Some((literal, after)) = rest.split_once("{{") {
        let (name, after) = after.split_once("}}")?;
        parts.extend((!literal.is_empty()).then(|| format!("'{literal}'")));
        parts.push(name.trim().to_owned());
        rest = after;
    }
    if parts.is_empty() {
        return None;
    }
    parts.extend((!rest.is_empty()).then(|| format!("'{rest}'")));
    Some(parts.join(" ~ ")).filter(|meant| Expression::compile(meant, false).is_ok())
}
