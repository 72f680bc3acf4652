# One allele a line, indels aligned to the left and in the fewest bases, contigs of the reference in the header. freebayes writes
# neighbouring changes as one haplotype: these are taken apart.
rule normalise:
    input:
        vcf="work/gathered/{set}.vcf.gz",
        reference=REFERENCE,
        made_by=lambda wildcards: CALLED_BY[wildcards.set],
    output:
        "work/normalised/{set}.vcf.gz",
    log:
        "logs/normalise/{set}.log",
    params:
        apart=["--atomize"] if CALLER == "freebayes" else [],
        fai=f"{REFERENCE}.fai",
    conda:
        "../envs/tools.yaml"
    shell:
        "bcftools reheader --fai {params.fai:q} {input.vcf:q} 2> {log:q}"
        " | bcftools norm {params.apart:q} --multiallelics -any -O u - 2>> {log:q}"
        " | bcftools view -e 'ALT=\"*\" || ALT=\"<*>\" || ALT=\"<NON_REF>\" || ALT=\".\"' -O u 2>> {log:q}"
        " | bcftools norm --fasta-ref {input.reference:q} --check-ref x -O u 2>> {log:q}"
        " | bcftools sort -T {output:q}.sort -O u 2>> {log:q}"
        " | bcftools norm --rm-dup exact -O z -o {output:q} 2>> {log:q}"
