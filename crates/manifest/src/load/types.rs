//! The types that components have where they name none: by the type of the component around them and the member in
//! which they stand.

/// The type of a component that names none.
pub(super) fn default_type(parent: &str, member: &str) -> Option<&'static str> {
    Some(match (parent, member) {
        ("CompositeErrorHandler", "error_handlers") | ("HttpRequester", "error_handler") => {
            "DefaultErrorHandler"
        }
        ("CursorPagination" | "DefaultPaginator" | "DpathExtractor", "decoder") => "JsonDecoder",
        ("DatetimeBasedCursor", "start_datetime" | "end_datetime") => "MinMaxDatetime",
        ("DatetimeBasedCursor", "start_time_option" | "end_time_option")
        | ("DefaultPaginator", "page_size_option")
        | ("ListPartitionRouter" | "ParentStreamConfig", "request_option") => "RequestOption",
        ("DeclarativeSource", "check") => "CheckStream",
        ("DeclarativeSource", "spec") => "Spec",
        ("DeclarativeSource", "streams")
        | ("DynamicDeclarativeStream", "stream_template")
        | ("ParentStreamConfig", "stream") => "DeclarativeStream",
        ("DeclarativeStream" | "HttpComponentsResolver" | "DynamicSchemaLoader", "retriever") => {
            "SimpleRetriever"
        }
        ("DeclarativeStream", "schema_loader") => "JsonFileSchemaLoader",
        // A name that no component has: the reference refuses such a one.
        ("DynamicDeclarativeStream", "components_resolver") => "ConfigComponentResolver",
        ("HttpComponentsResolver" | "ConfigComponentsResolver", "components_mapping") => {
            "ComponentMappingDefinition"
        }
        ("ConfigComponentsResolver", "stream_config") => "StreamConfig",
        ("DefaultErrorHandler", "response_filters") => "HttpResponseFilter",
        ("DpathExtractor", "record_expander") => "RecordExpander",
        ("RecordExpander", "parent_fields") => "ParentFieldPath",
        ("RecordSelector", "extractor") => "DpathExtractor",
        ("RecordSelector", "record_filter") => "RecordFilter",
        ("SimpleRetriever", "paginator") => "NoPagination",
        ("SimpleRetriever", "record_selector") => "RecordSelector",
        ("SimpleRetriever", "requester") => "HttpRequester",
        ("SubstreamPartitionRouter" | "CustomPartitionRouter", "parent_stream_configs") => {
            "ParentStreamConfig"
        }
        ("AddFields", "fields") => "AddedFieldDefinition",
        ("SchemaTypeIdentifier", "types_map") => "TypesMap",
        _ => return None,
    })
}

/// The type of a component that is Python code and names none.
pub(super) fn custom_type(parent: &str, member: &str) -> Option<&'static str> {
    Some(match (parent, member) {
        ("CompositeErrorHandler" | "DefaultErrorHandler", "backoff_strategies") => "CustomBackoffStrategy",
        ("DeclarativeStream", "retriever") => "CustomRetriever",
        ("DeclarativeStream", "transformations") => "CustomTransformation",
        ("DefaultPaginator", "pagination_strategy") => "CustomPaginationStrategy",
        ("HttpRequester", "authenticator") => "CustomAuthenticator",
        ("HttpRequester", "error_handler") => "CustomErrorHandler",
        ("RecordSelector", "extractor") => "CustomRecordExtractor",
        ("SimpleRetriever", "partition_router") => "CustomPartitionRouter",
        _ => return None,
    })
}
