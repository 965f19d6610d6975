//! What an auditor must read to trust a "yes", together with the crate `polkit-agent-rules`. A test limits its length.

pub mod subject;

pub mod audit;

pub mod answer;
