using System.Text;
using Millrace.Engines;
using Millrace.Testing;

namespace Millrace.Tests.Privacy;

public sealed class EntitySealTests : IAsyncDisposable
{
    private readonly InMemoryEngine _engine = new();
    private readonly StoredEntityKeys _keys;
    private readonly Seals _seals;

    public EntitySealTests()
    {
        _keys = new StoredEntityKeys(_engine, "keys");
        _seals = new Seals(new Application(Clinic.Topology, 4), _keys);
    }

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    private EntitySeal Seal() => new("patient", _seals);

    private static byte[] Close(EntitySeal seal, string id, string text) =>
        seal.CloseNew("1"u8, Encoding.UTF8.GetBytes(id), Encoding.UTF8.GetBytes(text)).ToArray();

    private static string? Open(EntitySeal seal, string id, byte[] closed) =>
        seal.TryOpen("1"u8, Encoding.UTF8.GetBytes(id), closed, out var opened) ? Encoding.UTF8.GetString(opened) : null;

    [Fact]
    public async Task The_same_record_has_the_same_bytes_and_no_two_have_the_same_nonce()
    {
        using var first = Seal();
        var closed = Close(first, "a", "text");
        await _keys.SaveAsync(Stop);
        using var other = Seal();
        Assert.Equal(closed, Close(other, "a", "text"));
        var nonces = new[] { closed, Close(first, "b", "text"), Close(first, "a", "texu"), Close(first, "at", "ext") }
            .Select(value => Convert.ToHexString(value.AsSpan(9, 12)))
            .ToList();
        Assert.Equal(4, nonces.Distinct().Count());
        Assert.Equal("text", Open(other, "a", closed));
        Assert.Equal("{\"plain\":1}", Open(other, "a", "{\"plain\":1}"u8.ToArray()));
    }

    [Fact]
    public async Task A_dropped_key_is_an_erasure_and_a_missing_one_an_error()
    {
        using var seal = Seal();
        var closed = Close(seal, "a", "text");
        await _seals.EraseAsync(Clinic.Patient, "1", () => Task.CompletedTask, Stop);
        Assert.Null(Open(seal, "a", closed));
        // What follows from what is erased has no key to be written with.
        Assert.Null(Open(seal, "b", seal.Close("1"u8, "b"u8, "late"u8).ToArray()));
        Assert.Equal("new", Open(seal, "c", Close(seal, "c", "new")));
        Assert.Null(Open(seal, "a", closed));

        await using var empty = new StoredEntityKeys(_engine, "other-keys");
        using var lost = new EntitySeal("patient", new Seals(new Application(Clinic.Topology, 4), empty));
        var missing = Assert.Throws<EngineException>(() => Open(lost, "a", closed));
        Assert.Contains("Restore the keys", missing.Message);
    }

    [Fact]
    public void What_was_changed_or_moved_to_another_record_is_not_opened()
    {
        using var seal = Seal();
        var closed = Close(seal, "a", "text");
        Assert.Throws<EngineException>(() => Open(seal, "b", closed));
        closed[^1] ^= 1;
        Assert.Throws<EngineException>(() => Open(seal, "a", closed));
    }

    [Fact]
    public async Task A_key_that_was_saved_is_there_after_a_restart_and_one_that_was_not_is_not()
    {
        var saved = _keys.GetOrCreate("patient", "1");
        await _keys.SaveAsync(Stop);
        var lost = _keys.GetOrCreate("patient", "2");
        await using var again = new StoredEntityKeys(_engine, "keys");
        Assert.Equal(saved.Id, again.Find("patient", "1").Current!.Id);
        Assert.Equal(saved.Secret.ToArray(), again.GetOrCreate("patient", "1").Secret.ToArray());
        Assert.Null(again.Find("patient", "2").Current);
        Assert.NotEqual(lost.Id, again.GetOrCreate("patient", "2").Id);
        await again.DropAsync("patient", "1", Stop);
        await again.DropAsync("patient", "1", Stop);
        Assert.Equal([saved.Id], again.Find("patient", "1").Dropped);
        Assert.Null(again.Find("patient", "1").Current);
    }

    [Fact]
    public async Task An_erasure_waits_for_commits_under_way_and_holds_back_the_next()
    {
        var gate = new EraseGate();
        await gate.EnterAsync(Stop);
        var erased = false;
        var erasing = gate.EraseAsync(
            () =>
            {
                erased = true;
                return Task.CompletedTask;
            },
            Stop
        );
        var next = gate.EnterAsync(Stop).AsTask();
        Assert.False(erased);
        Assert.False(next.IsCompleted);
        gate.Leave();
        await erasing;
        await next;
        Assert.True(erased);
        gate.Leave();
    }

    public async ValueTask DisposeAsync()
    {
        await _keys.DisposeAsync();
        await _engine.DisposeAsync();
    }
}
