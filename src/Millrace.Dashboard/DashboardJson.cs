using System.Text.Json.Serialization;

namespace Millrace;

[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase,
    DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull
)]
[JsonSerializable(typeof(StatusAnswer))]
[JsonSerializable(typeof(Story))]
[JsonSerializable(typeof(IReadOnlyList<HeldEntityInfo>))]
[JsonSerializable(typeof(IReadOnlyList<WaitingRows>))]
[JsonSerializable(typeof(HeldRequest))]
[JsonSerializable(typeof(DocumentsAnswer))]
[JsonSerializable(typeof(IReadOnlyList<TimerInfo>))]
[JsonSerializable(typeof(GenerationsStatus))]
[JsonSerializable(typeof(PartitionsStatus))]
[JsonSerializable(typeof(PartitionsRequest))]
[JsonSerializable(typeof(DroppedGeneration))]
[JsonSerializable(typeof(ReplayRequest))]
[JsonSerializable(typeof(Failure))]
internal sealed partial class DashboardJson : JsonSerializerContext;

/// <summary>Why a request was not carried out.</summary>
internal sealed record Failure(string Error);
