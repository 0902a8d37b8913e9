//! The components of the language and the members in which they hold others. It is the map by which a manifest is
//! searched; it says nothing of what a component does.

/// The members of a component that hold components; none where the language has no component of this name.
pub(super) fn members(kind: &str) -> Option<&'static [&'static str]> {
    stream(kind).or_else(|| request(kind)).or_else(|| answer(kind)).or_else(|| setting(kind))
}

/// Streams, retrievers, paginators, partitions and cursors.
fn stream(kind: &str) -> Option<&'static [&'static str]> {
    Some(match kind {
        "DeclarativeStream" => &[
            "retriever",
            "incremental_sync",
            "schema_loader",
            "transformations",
            "state_migrations",
            "file_uploader",
        ],
        "StateDelegatingStream" => &["full_refresh_stream", "incremental_stream"],
        "SimpleRetriever" => &[
            "requester",
            "decoder",
            "record_selector",
            "paginator",
            "pagination_reset",
            "page_size_reduction",
            "request_window_splitting",
            "partition_router",
        ],
        "AsyncRetriever" => &[
            "record_selector",
            "status_extractor",
            "download_target_extractor",
            "download_extractor",
            "creation_requester",
            "polling_requester",
            "download_target_requester",
            "download_requester",
            "download_paginator",
            "abort_requester",
            "delete_requester",
            "partition_router",
            "decoder",
            "download_decoder",
        ],
        "DefaultPaginator" => &["decoder", "pagination_strategy", "page_size_option", "page_token_option"],
        "CursorPagination" => &["decoder"],
        "PaginationReset" => &["limits"],
        "SubstreamPartitionRouter" => &["parent_stream_configs"],
        "ParentStreamConfig" => &["stream", "request_option"],
        "ListPartitionRouter" => &["request_option"],
        "GroupingPartitionRouter" => &["underlying_partition_router"],
        "UnionPartitionRouter" => &["partition_routers"],
        "DatetimeBasedCursor" => &["start_datetime", "start_time_option", "end_datetime", "end_time_option"],
        "IncrementingCountCursor" => &["start_value_option"],
        "NoPagination"
        | "PageIncrement"
        | "OffsetIncrement"
        | "PaginationResetLimits"
        | "PageSizeReduction"
        | "RequestWindowSplitting"
        | "RequestPath"
        | "RequestOption"
        | "MinMaxDatetime"
        | "LegacyToPerPartitionStateMigration" => &[],
        _ => return None,
    })
}

/// Requesters, authenticators and error handlers.
fn request(kind: &str) -> Option<&'static [&'static str]> {
    Some(match kind {
        "HttpRequester" => &[
            "authenticator",
            "fetch_properties_from_endpoint",
            "query_properties",
            "request_parameters",
            "request_body",
            "error_handler",
        ],
        "PropertiesFromEndpoint" => &["retriever"],
        "QueryProperties" => &["property_list", "property_chunking", "property_selector"],
        "PropertyChunking" => &["record_merge_strategy"],
        "JsonSchemaPropertySelector" => &["transformations"],
        // The members of its `authenticators` are components.
        "SelectiveAuthenticator" => &["authenticators"],
        "SessionTokenAuthenticator" => &["login_requester", "request_authentication", "decoder"],
        "ApiKeyAuthenticator" | "ApiKey" => &["inject_into"],
        "JwtAuthenticator" => &["request_option"],
        "OAuthAuthenticator" => &["profile_assertion"],
        "RateLimitedMultipleTokenAuthenticator" => &["quota_status_source", "quotas"],
        "TokenQuota" | "FixedWindowCallRatePolicy" | "UnlimitedCallRatePolicy" => &["matchers"],
        "MovingWindowCallRatePolicy" => &["rates", "matchers"],
        "HTTPAPIBudget" => &["policies"],
        "CompositeErrorHandler" => &["error_handlers"],
        "DefaultErrorHandler" => &["backoff_strategies", "response_filters"],
        "BasicHttpAuthenticator"
        | "BearerAuthenticator"
        | "NoAuth"
        | "LegacySessionTokenAuthenticator"
        | "Bearer"
        | "GroupByKeyMergeStrategy"
        | "HttpResponseFilter"
        | "ConstantBackoffStrategy"
        | "ExponentialBackoffStrategy"
        | "WaitTimeFromHeader"
        | "WaitTimeFromResponse"
        | "WaitUntilTimeFromHeader"
        | "QuotaStatusSource"
        | "Rate"
        | "HttpRequestRegexMatcher"
        | "RequestBodyPlainText"
        | "RequestBodyUrlEncodedForm"
        | "RequestBodyJsonObject"
        | "RequestBodyGraphQL" => &[],
        _ => return None,
    })
}

/// Decoders, selectors, transformations and schemas.
fn answer(kind: &str) -> Option<&'static [&'static str]> {
    Some(match kind {
        "RecordSelector" => &["extractor", "record_filter", "schema_normalization"],
        "DpathExtractor" => &["decoder", "record_expander"],
        "CombinedExtractor" => &["extractors"],
        "RecordExpander" => &["parent_fields", "truncated_list_retriever"],
        "ZipfileDecoder" | "GzipDecoder" => &["decoder"],
        "AddFields" => &["fields"],
        "DpathFlattenFields" => &["key_transformation"],
        "DynamicSchemaLoader" => {
            &["retriever", "schema_filter", "schema_transformations", "schema_type_identifier"]
        }
        "SchemaTypeIdentifier" => &["types_mapping"],
        "ResponseToFileExtractor"
        | "ParentFieldPath"
        | "JsonDecoder"
        | "JsonItemsDecoder"
        | "JsonlDecoder"
        | "IterableDecoder"
        | "XmlDecoder"
        | "CsvDecoder"
        | "AddedFieldDefinition"
        | "RemoveFields"
        | "KeysToLower"
        | "KeysToSnakeCase"
        | "FlattenFields"
        | "KeyTransformation"
        | "KeysReplace"
        | "RecordFilter"
        | "InlineSchemaLoader"
        | "JsonFileSchemaLoader"
        | "TypesMap" => &[],
        _ => return None,
    })
}

/// The source, its specification, and what gives streams later.
fn setting(kind: &str) -> Option<&'static [&'static str]> {
    Some(match kind {
        "DeclarativeSource" => {
            &["check", "streams", "dynamic_streams", "spec", "api_budget", "concurrency_level"]
        }
        "ConditionalStreams" => &["streams"],
        "DynamicDeclarativeStream" => &["stream_template", "components_resolver"],
        "HttpComponentsResolver" => &["retriever", "components_mapping"],
        "ConfigComponentsResolver" => &["stream_config", "components_mapping"],
        "ParametrizedComponentsResolver" => &["stream_parameters", "components_mapping"],
        "CheckStream" => &["dynamic_streams_check_configs"],
        "ConfigMigration" => &["transformations"],
        "ConfigAddFields" => &["fields"],
        "DpathValidator" | "PredicateValidator" => &["validation_strategy"],
        "Spec"
        | "ConcurrencyLevel"
        | "ComponentMappingDefinition"
        | "StreamConfig"
        | "StreamParametersDefinition"
        | "DynamicStreamCheckConfig"
        | "CheckDynamicStream"
        | "ConfigRemapField"
        | "ConfigRemoveFields"
        | "ValidateAdheresToSchema" => &[],
        _ => return None,
    })
}
