using static Millrace.Rocks.Native;

namespace Millrace.Rocks;

/// <summary>Writes that become durable together; used again after <see cref="Clear"/>.</summary>
internal sealed unsafe class WriteBatch(RocksStore store) : IDisposable
{
    public nint Handle { get; private set; } = rocksdb_writebatch_create();

    public void Put(Family family, ReadOnlySpan<byte> key, ReadOnlySpan<byte> value)
    {
        fixed (
            byte* k = key,
                v = value
        )
        {
            rocksdb_writebatch_put_cf(Handle, store.Handle(family), k, (nuint)key.Length, v, (nuint)value.Length);
        }
    }

    public void Delete(Family family, ReadOnlySpan<byte> key)
    {
        fixed (byte* k = key)
        {
            rocksdb_writebatch_delete_cf(Handle, store.Handle(family), k, (nuint)key.Length);
        }
    }

    /// <summary>Deletes the keys from one, inclusive, to another, exclusive.</summary>
    public void DeleteRange(Family family, ReadOnlySpan<byte> from, ReadOnlySpan<byte> to)
    {
        fixed (
            byte* f = from,
                t = to
        )
        {
            rocksdb_writebatch_delete_range_cf(Handle, store.Handle(family), f, (nuint)from.Length, t, (nuint)to.Length);
        }
    }

    public void Clear() => rocksdb_writebatch_clear(Handle);

    public void Dispose()
    {
        if (Handle != 0)
        {
            rocksdb_writebatch_destroy(Handle);
            Handle = 0;
        }
    }
}
