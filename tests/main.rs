//! The tests of the whole: the program `raccord` as people use it, and what the repository promises of itself.
#![cfg(test)]

mod alerts;
mod api;
mod attacks;
mod broken_state;
mod commands;
mod counterpart;
mod daemon;
mod deployment;
mod documentation;
mod environment;
mod examples;
mod first_integration;
mod foreign_text;
mod http_server;
mod invalid;
mod kills;
mod kustomize;
mod looking;
mod mail_server;
mod monitoring;
mod newcomer;
mod plan_and_apply;
mod reference;
mod runs;
mod schemas;
mod secrets;
mod shell;
mod shop;
mod tally;
mod telling;
mod terminal;
mod third_parties;
mod tidy;
mod workflow;
mod writing;
