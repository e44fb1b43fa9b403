using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;
using Millrace.Engines;

namespace Millrace;

/// <summary>
/// Encrypts and decrypts the values of one personal aggregate's records, each with its entity's key. Used by one thread at a time; what it returns
/// lives in its buffers until the next call.
/// </summary>
/// <remarks>
/// <para>
/// A closed value is a byte 1, the key's id (8), a nonce (12), the tag (16) and the AES-256-GCM ciphertext, with the record's id as associated data. The
/// nonce is made of the record's id and the plaintext by HMAC under a key of its own, so that one nonce never serves two plaintexts, and the same
/// record has the same bytes whenever it is written. A single byte 2 stands for a value that had no key any more when it was written. JSON begins with
/// neither: records from before the aggregate was personal are read as they are.
/// </para>
/// </remarks>
internal sealed class EntitySeal(string aggregate, Seals seals) : IDisposable
{
    private const byte Closed = 1;
    private const byte Erased = 2;
    private const int NonceAt = 9;
    private const int TagAt = NonceAt + 12;
    private const int TextAt = TagAt + 16;
    private const int MostKeys = 4096;

    private readonly Dictionary<byte[], KeyInUse> _keys = new(BytesComparer.Instance);
    private readonly KeyBuffer _input = new();
    private byte[] _closed = new byte[512];
    private byte[] _opened = new byte[512];
    private int _drops = seals.Drops;

    // What was opened last is what is being handled: what follows from it is closed with the same key, though another has come meanwhile.
    private KeyInUse? _last;

    /// <summary>Whether a key was made for what was closed: <see cref="IEntityKeys.SaveAsync"/> comes before the commit.</summary>
    public bool HasNewKeys { get; set; }

    /// <summary>Encrypts a record that comes in from outside: an entity without a key gets one.</summary>
    public ReadOnlySpan<byte> CloseNew(ReadOnlySpan<byte> entity, ReadOnlySpan<byte> id, ReadOnlySpan<byte> value)
    {
        Refresh();
        return Close(Find(entity) ?? Make(entity), id, value);
    }

    /// <summary>
    /// Encrypts a record that follows from others. Where the entity's key was dropped since, the value is left out: it is of what was erased.
    /// </summary>
    public ReadOnlySpan<byte> Close(ReadOnlySpan<byte> entity, ReadOnlySpan<byte> id, ReadOnlySpan<byte> value)
    {
        var key = _last is not null && entity.SequenceEqual(_last.Entity) ? _last : null;
        if (key is null)
        {
            Refresh();
            key = Find(entity);
        }
        if (key is null)
        {
            if (seals.Keys.Find(aggregate, Encoding.UTF8.GetString(entity)).Dropped.Count > 0)
            {
                return [Erased];
            }
            // Its records are from before the aggregate was personal.
            key = Make(entity);
        }
        return Close(key, id, value);
    }

    /// <summary>Decrypts a value; false where it is erased.</summary>
    /// <exception cref="EngineException">Its key is missing without having been dropped, or the value was tampered with.</exception>
    public bool TryOpen(ReadOnlySpan<byte> entity, ReadOnlySpan<byte> id, ReadOnlySpan<byte> value, out ReadOnlySpan<byte> opened)
    {
        opened = value;
        if (value.IsEmpty || value[0] is not (Closed or Erased))
        {
            return true;
        }
        opened = default;
        if (value[0] == Erased)
        {
            return false;
        }
        Refresh();
        var keyId = BinaryPrimitives.ReadInt64LittleEndian(value[1..]);
        if (Find(entity) is not { } key || key.Id != keyId)
        {
            var name = Encoding.UTF8.GetString(entity);
            return seals.Keys.Find(aggregate, name).Dropped.Contains(keyId)
                ? false
                : throw new EngineException(
                    $"A record of {aggregate} {name} is encrypted with the key {keyId:x16}, which is neither there nor was it dropped. Restore the keys that belong to these logs."
                );
        }
        _last = key;
        var text = value[TextAt..];
        Grow(ref _opened, text.Length);
        try
        {
            key.Cipher.Decrypt(value[NonceAt..TagAt], text, value[TagAt..TextAt], _opened.AsSpan(0, text.Length), id);
        }
        catch (AuthenticationTagMismatchException e)
        {
            throw new EngineException(
                $"The record {Encoding.UTF8.GetString(id)} of {aggregate} {Encoding.UTF8.GetString(entity)} is not what was written: its tag does not fit.",
                e
            );
        }
        opened = _opened.AsSpan(0, text.Length);
        return true;
    }

    public void Dispose() => Forget();

    private ReadOnlySpan<byte> Close(KeyInUse key, ReadOnlySpan<byte> id, ReadOnlySpan<byte> value)
    {
        Grow(ref _closed, TextAt + value.Length);
        var closed = _closed.AsSpan(0, TextAt + value.Length);
        closed[0] = Closed;
        BinaryPrimitives.WriteInt64LittleEndian(closed[1..], key.Id);
        Span<byte> hash = stackalloc byte[HMACSHA256.HashSizeInBytes];
        HMACSHA256.HashData(key.Nonces, _input.Clear().Number(id.Length).Raw(id).Raw(value), hash);
        hash[..(TagAt - NonceAt)].CopyTo(closed[NonceAt..]);
        key.Cipher.Encrypt(closed[NonceAt..TagAt], value, closed[TextAt..], closed[TagAt..TextAt], id);
        return closed;
    }

    private KeyInUse? Find(ReadOnlySpan<byte> entity)
    {
        if (_keys.GetAlternateLookup<ReadOnlySpan<byte>>().TryGetValue(entity, out var known))
        {
            return known;
        }
        return seals.Keys.Find(aggregate, Encoding.UTF8.GetString(entity)).Current is { } key ? Keep(entity, key) : null;
    }

    private KeyInUse Make(ReadOnlySpan<byte> entity)
    {
        HasNewKeys = true;
        return Keep(entity, seals.Keys.GetOrCreate(aggregate, Encoding.UTF8.GetString(entity)));
    }

    private KeyInUse Keep(ReadOnlySpan<byte> entity, EntityKey key)
    {
        if (_keys.Count == MostKeys)
        {
            Forget();
        }
        var kept = new KeyInUse(entity.ToArray(), key);
        _keys.Add(kept.Entity, kept);
        return kept;
    }

    /// <summary>Forgets keys that may have been dropped.</summary>
    private void Refresh()
    {
        if (_drops != seals.Drops)
        {
            _drops = seals.Drops;
            Forget();
        }
    }

    private void Forget()
    {
        foreach (var key in _keys.Values)
        {
            key.Dispose();
        }
        _keys.Clear();
        _last = null;
    }

    private static void Grow(ref byte[] buffer, int length)
    {
        if (buffer.Length < length)
        {
            buffer = new byte[Math.Max(length, 2 * buffer.Length)];
        }
    }

    /// <summary>A key as ciphers want it: one for the text, another for the nonces.</summary>
    private sealed class KeyInUse(byte[] entity, EntityKey key) : IDisposable
    {
        public byte[] Entity => entity;
        public long Id => key.Id;
        public AesGcm Cipher { get; } = new(Derive(key, "millrace text"u8), TextAt - TagAt);
        public byte[] Nonces { get; } = Derive(key, "millrace nonce"u8);

        public void Dispose() => Cipher.Dispose();

        private static byte[] Derive(EntityKey key, ReadOnlySpan<byte> purpose)
        {
            var derived = new byte[32];
            HKDF.Expand(HashAlgorithmName.SHA256, key.Secret.Span, derived, purpose);
            return derived;
        }
    }
}
