//! Reasons: the stable codes for why a message did not become what its route promises.
//!
//! One table. A new reason gets a line here and `docs/reasons.md` is generated from it; codes never change their meaning.

macro_rules! reasons {
    ($($variant:ident $code:literal $text:literal $action:literal;)*) => {
        /// Why a message was quarantined or rejected.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[repr(u8)]
        pub enum Reason { $(#[doc = $text] $variant,)* }

        impl Reason {
            /// Every reason, in the order of the table.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// The stable code: snake_case, used in outcomes, metrics, quarantine and docs.
            #[must_use]
            pub const fn code(self) -> &'static str {
                match self { $(Self::$variant => $code,)* }
            }

            /// What happened, as a sentence.
            #[must_use]
            pub const fn text(self) -> &'static str {
                match self { $(Self::$variant => $text,)* }
            }

            /// What a person can do about it.
            #[must_use]
            pub const fn action(self) -> &'static str {
                match self { $(Self::$variant => $action,)* }
            }
        }
    };
}

reasons! {
    // Reading the payload
    InvalidUtf8 "invalid_utf8" "The payload is not UTF-8." "Look at the original bytes; the device may send another encoding or a binary format.";
    InvalidJson "invalid_json" "The payload is not JSON (RFC 8259)." "The detail names the byte; fix the publisher or route the topic without steps.";
    TrailingBytes "trailing_bytes" "After the value something follows." "Fix the publisher; often two messages were joined.";
    TooDeep "too_deep" "Objects and arrays are nested deeper than the limit." "Raise `limits.depth` if the data is meant to be so deep.";
    TooManyKeys "too_many_keys" "An object or array has more members than the limit." "Raise `limits.keys` if the data is meant to be so large.";
    TextTooLong "text_too_long" "A string is longer than the limit." "Raise `limits.text_bytes` if the data is meant to be so large.";
    PayloadTooLarge "payload_too_large" "The payload is larger than the limit." "Raise `limits.payload_bytes` if the data is meant to be so large.";
    DuplicateKey "duplicate_key" "A field that the route touches stands twice in its object." "Fix the publisher: which of the two counts is not defined (RFC 8259 §4).";
    LoneSurrogate "lone_surrogate" "A string has half of a surrogate pair." "Fix the publisher: this is no Unicode text.";
    NotAnObject "not_an_object" "A step needs an object and the payload is another value." "Say `from_scalar: true` on the first step, or narrow the filter.";
    // Decoding and encoding
    Truncated "truncated" "The payload ends before its format says." "Fix the publisher, or look for a limit on the way that cuts messages.";
    InvalidCbor "invalid_cbor" "The payload is not CBOR (RFC 8949)." "The detail names the byte; check whether the topic carries another format.";
    InvalidMessagepack "invalid_messagepack" "The payload is not MessagePack." "The detail names the byte; check whether the topic carries another format.";
    InvalidProtobuf "invalid_protobuf" "The payload is not what the schema says (Protocol Buffers, wire format)." "The detail names the byte; check the schema's file and message, and whether the topic carries another format.";
    InvalidInflux "invalid_influx" "The payload is not Influx line protocol." "The detail names the byte; check whether the topic carries another format.";
    UnexpectedName "unexpected_name" "A line has a measurement, tag or field for which a flat object has no place." "Name the tag in `tags` of the codec, or take a `form` that has a place for every name.";
    InvalidOpcuaJson "invalid_opcua_json" "The payload is no JSON message of OPC UA PubSub (Part 14, 7.2.5)." "The detail names the byte; check whether the topic carries another format.";
    NotUaData "not_ua_data" "The message of OPC UA PubSub has no data: it is metadata, a status or an action." "Narrow the filter to the topics of data; metadata has topics of its own.";
    InvalidScalar "invalid_scalar" "The payload is no value of the type that `decode` names." "Check `type` of the step against what the device sends.";
    NotInJson "not_in_json" "The payload has a value that JSON cannot say, such as infinity." "The detail names the byte; send another type, or decode in a `python` hook.";
    NotInFormat "not_in_format" "The format of `encode` cannot say a value." "The detail names the byte of the JSON; `cast`, `round` or `drop` the field before `encode`.";
    // Expressions and steps
    MissingField "missing_field" "A field that the route needs is not there." "Guard it with `has(payload.x)` or fix the publisher.";
    WrongType "wrong_type" "A value has another type than the expression or step needs." "Use `cast`, or narrow the route with `where`.";
    NumberOutOfRange "number_out_of_range" "A number is beyond what the arithmetic can hold." "Fix the publisher, or leave the field untouched: untouched numbers pass as written.";
    IntegerOverflow "integer_overflow" "Integer arithmetic left the 64-bit range." "Use `double(...)` if an approximate result will do.";
    NotFinite "not_finite" "A result is infinite or not a number." "Guard the division or the function with a condition.";
    DivisionByZero "division_by_zero" "An integer was divided by zero." "Guard the division with a condition.";
    InvalidConversion "invalid_conversion" "A text cannot be read as the wanted type." "Look at the original bytes; adjust `cast` or the publisher.";
    NotInMap "not_in_map" "A value is not in the step's table and the step has no default." "Add the value to `map`, or give it a `default`.";
    NotInTable "not_in_table" "The key of a `lookup` is not in its table." "Add the row to the table, which is read again by itself; or give the step a `default` or `missing: pass`.";
    UnknownUnit "unknown_unit" "The unit that the payload names is none of those of the step." "Add it to `units` of the `convert` step, or fix the publisher.";
    InvalidTimestamp "invalid_timestamp" "A value cannot be read as a time in the format of the step." "Adjust the `timestamp` step's format or the publisher.";
    UnknownQuality "unknown_quality" "The quality is a code that the step does not know." "Look at the original bytes: say `as` how the shape writes qualities, or `map` the code before.";
    NullNotBad "null_not_bad" "The value is `null`, and the quality does not say that it is bad or that there is no data." "Fix the publisher: a value that is not there has a bad quality.";
    QualityNotHeld "quality_not_held" "The value is bad, and its new shape has no place to say so." "Take only good values (`where`), or a shape that has a quality.";
    IndexOutOfRange "index_out_of_range" "A position lies outside of its text." "Guard it with `size(...)`, or look at the original bytes.";
    FieldExists "field_exists" "A step would write a field that exists already." "Choose another name, or drop the old field first.";
    Late "late" "The time of the message is not later than that of the newest before it, or its window has closed, and the step does not let such messages pass." "Look at the clock of the device and at what buffers on the way. `late: drop` is milder, `late: pass` where there is one; `wait` keeps windows open.";
    TooManyStates "too_many_states" "The step remembers `max_keys` keys already, and this one is new." "Raise `max_keys` if there are so many tags, or narrow the route; look for a device that invents topics.";
    ExpressionLimit "expression_limit" "An expression would need more steps, elements or text than one message may." "Look at the size of the payload; do not loop over long lists inside of loops.";
    ConditionNotBool "condition_not_bool" "A condition did not give true or false." "Compare the value with something.";
    // Topics
    InvalidTopic "invalid_topic" "The topic breaks the rules for topic names (MQTT 5 §4.7)." "Fix the publisher.";
    TopicTooDeep "topic_too_deep" "The topic has more levels than the limit." "Raise `limits.topic_levels`.";
    TopicTooLong "topic_too_long" "The rendered topic is longer than 65,535 bytes." "Shorten the template or its values.";
    TemplateEmptyValue "template_empty_value" "A value in the topic template is empty." "A topic level must not vanish; fix the value or the template.";
    TemplateIllegalValue "template_illegal_value" "A value in the topic template has `/`, `+`, `#`, NUL, or starts the topic with `$`." "Map the value to a legal name before it is used in a topic.";
    // Namespace
    NameLevels "name_levels" "The name has too few or too many levels for the namespace, or an empty one." "The detail counts them; adjust `topic` of the route, or `levels` of the namespace.";
    NameIllegal "name_illegal" "A level of the name breaks the naming rule of the namespace." "The detail names the level; rename at the source, map the value, or set `illegal: escape`.";
    NameNotPermitted "name_not_permitted" "Neither the route nor the source may publish under this branch of the namespace." "Add the route to `publish` of the branch that the detail names, or correct the name.";
    NameCollision "name_collision" "Another source or topic publishes under this name already." "Give each a name of its own; `several_publishers: true` permits it for all names.";
    // Hooks
    HookFailed "hook_failed" "The Python hook raised an exception." "The detail has the exception; the log names the hook and counts the messages.";
    HookTimeout "hook_timeout" "The Python hook did not return within its time budget." "Raise `timeout` on the step, or make the hook faster.";
    HookOutput "hook_output" "The Python hook returned something of the wrong shape or type." "The detail says what was expected.";
    HookOpen "hook_open" "The Python hook failed too often and was not called." "The detail says what failed; mend the hook, load the configuration again, and replay.";
    HookDied "hook_died" "The worker process of the Python hook ended while it had the message." "The detail has its exit code or signal; run the hook with this payload in a test.";
    HookMemory "hook_memory" "The Python hook needed more memory than its worker process may have." "Raise `memory` on the step, or make the hook need less.";
    // Contracts
    ContractNotObject "contract_not_object" "The contract wants an object and the payload is another value." "Fix the publisher, or give the contract a `scalar`.";
    ContractMissingField "contract_missing_field" "A field that the contract wants is not there." "Fix the publisher, or make the field `optional` in a new version of the contract.";
    ContractType "contract_type" "A field has another type than the contract says." "Fix the publisher, or `cast` the field before the contract is judged.";
    ContractNull "contract_null" "A field is `null` where the contract does not allow it, or has a value where the quality is bad." "Fix the publisher, or say when the field may be `null` in a new version of the contract.";
    ContractRange "contract_range" "A number lies outside of the contract's range." "Look at the device and at the unit of the value; a new version of the contract may widen the range.";
    ContractEnum "contract_enum" "A value is none of those that the contract lists." "Fix the publisher, `map` the value, or list it in a new version of the contract.";
    ContractPattern "contract_pattern" "A text does not match the contract's pattern." "Fix the publisher, or the pattern in a new version of the contract.";
    ContractLength "contract_length" "A text or an array is shorter or longer than the contract allows." "Fix the publisher, or the length in a new version of the contract.";
    ContractExtraField "contract_extra_field" "The payload has a field that the contract does not name and does not allow." "`drop` the field, name it in a new version of the contract, or say `extra: keep`.";
    ContractQuality "contract_quality" "The quality is a code that the contract does not list." "List the code under `good`, `uncertain` or `bad` in a new version of the contract, or `map` it.";
    ContractTimeInvalid "contract_time_invalid" "A field is no time in the unit of the contract." "Check whether the publisher sends seconds, milliseconds or text.";
    ContractTimeFuture "contract_time_future" "A time lies further in the future than the contract allows." "Check the clock of the device and of this machine.";
    ContractTimeOld "contract_time_old" "A time lies further in the past than the contract allows." "Check the clock of the device; buffered data may need a contract of its own.";
    // Sinks
    SinkRefused "sink_refused" "The sink refused the message for good." "The detail has the sink's own words.";
    PacketTooLarge "packet_too_large" "The message is larger than the broker accepts." "Raise the broker's limit, or send less.";
}

impl std::fmt::Display for Reason {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(self.code())
    }
}

impl std::error::Error for Reason {}
